"""Any file of arrays is looked at or refused in a sentence, as `deepchord data` does."""

import gzip
import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from tests.fuzzing.inputs import damaged, look_at, try_inputs

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (12, 4, 4), dtype=np.uint8)
LABELS, NAMES = np.arange(12, dtype=np.uint8) % 3, np.array(["cat", "dog", "ant"])
ROWS = GENERATOR.normal(size=(12, 3))


def archive(*, packed: bool = False, **arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays)
    return file.getvalue()


def matlab(*, packed: bool) -> bytes:
    file = io.BytesIO()
    savemat(file, {"X": IMAGES, "y": LABELS[:, None] + 1}, do_compression=packed)
    return file.getvalue()


def idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


ARCHIVES = [
    archive(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:4], y_test=LABELS[:4], class_names=NAMES),
    archive(packed=True, x_train=IMAGES[..., None] / 255, y_train=np.eye(3)[LABELS]),
    archive(x_train=IMAGES, y_train=ROWS, target_names=np.array(["a", "b", "c"])),
    archive(x_train=ROWS, y_train=LABELS, feature_names=NAMES, sample_weights_train=np.ones(12)),
]
#: What each file may hold, by its name; beside an IDX file lie its labels.
FILES = {
    "any.npz": ARCHIVES,
    "any.mat": [matlab(packed=False), matlab(packed=True)],
    "train-images-idx3-ubyte": [idx(IMAGES)],
    "train-images-idx3-ubyte.gz": [gzip.compress(idx(IMAGES))],
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile warns of names that are there twice
def test_any_file_of_arrays_is_looked_at_or_refused_in_a_sentence(tmp_path: Path, seeds: Sequence[int]):
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))

    def look(draw: random.Random) -> None:
        path = tmp_path / draw.choice(["any.npz", *FILES])
        path.write_bytes(damaged(draw, FILES[path.name]))
        try:
            look_at(path, task=draw.choice([None, None, None, "regression"]))
        finally:
            path.unlink()

    try_inputs(seeds, look)
