"""An exported file, computed by ONNX Runtime; for the peers, which have no deepchord."""

import os

import numpy as np
import onnxruntime

#: As many requests as may be joined.
LARGEST_BATCH = 32
MODEL, WORKERS, THREADS, WAIT_S = (os.environ[f"PEER_{name}"] for name in ("MODEL", "WORKERS", "THREADS", "WAIT_S"))

#: What deepchord's server answers, too.
_OUTPUTS = ("probabilities", "label", "confidence", "predictive_entropy", "mutual_information", "disagreement")


class ExportedFile:
    """The file, and how many threads compute it."""

    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(THREADS)
        self._session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])

    def predict(self, images):
        """Return what the file says of images [images, height, width]: numbers and lists, by their names."""
        pixels = np.asarray(images, dtype=np.uint8)[..., None]
        columns = [values.tolist() for values in self._session.run(_OUTPUTS, {"images": pixels})]
        return [dict(zip(_OUTPUTS, row, strict=True)) for row in zip(*columns, strict=True)]
