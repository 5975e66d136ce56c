"""A Keras model of a program as the network of a run, in a process of its own, and what is none."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import deepchord
from deepchord.shared.checkpoints import decode_checkpoint
from deepchord.shared.errors import InputError
from deepchord.shared.host import installed_engines
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
LABELS = np.arange(60) % 3
_PROGRAM = """
import json, os, sys
import keras, numpy as np
import deepchord

base = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3, activation="relu")], name="base")
base.trainable = False
layers = [keras.Input((6, 6, 1)), base, keras.layers.Flatten(), keras.layers.Dense(5, "softmax")]
model = keras.Sequential(layers, name="a model")
images = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
run = deepchord.train(images, np.arange(60) % 3, network=model, initial_weights=True, members=2, seed=1)
run.cancel()
np.save(sys.argv[1], model.get_weights()[0])
print(json.dumps([run.run_id, run.spec.initial_weights.model_dump()]), flush=True)
os._exit(0)  # nobody trains it: there is nothing to wait for
"""


@pytest.mark.slow
def test_a_keras_model_is_trained_from_its_own_weights(tmp_path, require, broker_url):
    engines = installed_engines()
    require("Keras 3 with an engine", engines)
    storage = tmp_path / "storage"
    environment = {
        **os.environ,
        "KERAS_BACKEND": "torch" if "torch" in engines else engines[0],
        "DEEPCHORD_BROKER": broker_url,
        "DEEPCHORD_STORAGE": str(storage),
    }

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM, tmp_path / "kernel.npy"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    run_id, given = json.loads(ended.stdout.splitlines()[-1])
    assert (given["source"], given["drawn"]) == ("a_model.keras", ["dense_1"])
    store = RunStore.open(Settings(storage=str(storage)))
    architecture = store.run(run_id).architecture
    assert [(layer.type, layer.trainable) for layer in architecture.layers] == [
        ("conv2d", False), ("flatten", True), ("dense", True)
    ]  # fmt: skip
    network = architecture.resolve(input_shape=(6, 6, 1), classes=3)
    stored = decode_checkpoint(store.inputs.initial_weights(given["sha256"]), network, "stored")
    np.testing.assert_array_equal(stored[0][0], np.load(tmp_path / "kernel.npy"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "model.keras"}, "network is of the type str; expected a keras.Model or an Architecture"),
        ({"initial_weights": True}, r"initial_weights=True takes those of a keras\.Model: give it as network"),
    ],
)
def test_what_is_no_model_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        deepchord.train(IMAGES, LABELS, **options)
