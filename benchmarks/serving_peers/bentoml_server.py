"""An exported file behind BentoML, with adaptive batching.

python -m bentoml serve bentoml_server:Ensemble --port PORT
"""

from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType
from exported_file import LARGEST_BATCH, WORKERS, ExportedFile
from PIL.Image import Image


@bentoml.service(workers=int(WORKERS), logging={"access": {"enabled": False}})
class Ensemble:
    """Takes images as JSON, or as files of a form."""

    def __init__(self) -> None:
        self._file = ExportedFile()

    @bentoml.api(batchable=True, max_batch_size=LARGEST_BATCH)
    def predict(self, images: Annotated[np.ndarray, DType("uint8")]) -> list[dict]:
        """Return the answers to a batch of arrays."""
        return self._file.predict(images)

    @bentoml.api(batchable=True, max_batch_size=LARGEST_BATCH)
    def predict_files(self, files: list[Image]) -> list[dict]:
        """Return the answers to a batch of files."""
        return self._file.predict([np.asarray(file) for file in files])
