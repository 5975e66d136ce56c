"""What PyTorch computes with the layers for GPUs, which can be asked of a processor, too."""

import json
import subprocess
import sys

import pytest

from deepchord.shared.host import installed_engines

pytestmark = pytest.mark.slow

SCRIPT = """
import json, os
os.environ["KERAS_BACKEND"] = "torch"
from deepchord.worker.engines.engine import Device
from deepchord.worker.engines.keras3.torch_backend import TorchBackend
backend = TorchBackend()
backend.select(Device(id="cpu", kind="gpu", name="a GPU in name only"))
import keras, numpy as np
layers = backend.layers(keras)
image = keras.ops.convert_to_tensor(np.arange(4.0, dtype="float32").reshape(1, 4, 1, 1))
pooled = layers.AveragePooling2D(pool_size=(3, 1), strides=(2, 1), padding="same")(image)
steps = layers.AveragePooling1D(pool_size=3, strides=2, padding="same")(image[:, :, 0])
print(json.dumps([keras.ops.convert_to_numpy(each).ravel().tolist() for each in (pooled, steps)]))
"""


def test_a_padded_mean_counts_only_pixels_of_the_image_on_a_gpu_too(require):
    require("the engine torch", "torch" in installed_engines())

    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    # Windows begin at 0 and at 2; the second one reaches beyond the end.
    for means in json.loads(ended.stdout.splitlines()[-1]):
        assert means == pytest.approx([1.0, 2.5])
