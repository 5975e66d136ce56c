"""An exported file behind LitServe, with batching.

python litserve_server.py PORT
"""

import sys

import litserve
import numpy as np
from exported_file import LARGEST_BATCH, WAIT_S, WORKERS, ExportedFile
from PIL import Image


class Ensemble(litserve.LitAPI):
    """Takes one image, as JSON or as a file of a form."""

    def setup(self, _):
        """Open the file."""
        self._file = ExportedFile()

    def decode_request(self, request):
        """Return the pixels of the image."""
        if "files" in request:
            return np.asarray(Image.open(request["files"].file))
        return np.array(request["images"][0])

    def predict(self, x):
        """Return the answers to a batch."""
        return self._file.predict(x)

    def unbatch(self, output):
        """Return the answers one by one."""
        return output

    def encode_response(self, output):
        """Return an answer as deepchord words it."""
        return {"predictions": [output]}


if __name__ == "__main__":
    api = Ensemble(max_batch_size=LARGEST_BATCH, batch_timeout=float(WAIT_S))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(WORKERS))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
