"""The data sets with a name: which there are, how each is read and verified, and in which places it is looked for."""

from deepchord.shared.datasets.named.catalog import NAMED_DATASETS, Arrays, NamedDataset
from deepchord.shared.datasets.named.keras_download import KerasProcess
from deepchord.shared.datasets.named.search import DEBIAN_FASHION, Places, find_named_dataset, is_named_dataset

__all__ = [
    "DEBIAN_FASHION",
    "NAMED_DATASETS",
    "Arrays",
    "KerasProcess",
    "NamedDataset",
    "Places",
    "find_named_dataset",
    "is_named_dataset",
]
