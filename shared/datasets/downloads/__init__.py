"""Downloads of the data sets that have a name: from their own address, or through Keras."""

from deepchord.shared.datasets.downloads.download import ADDRESS, download
from deepchord.shared.datasets.downloads.keras_download import KerasProcess, keep_download

__all__ = ["ADDRESS", "KerasProcess", "download", "keep_download"]
