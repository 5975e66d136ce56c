"""What would end the process in SciPy's reader of MATLAB files is refused before."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError

IMAGES, LABELS = np.zeros((12, 4, 4), np.uint8), np.arange(12, dtype=np.uint8)[:, None] % 3


def plain(**arrays: np.ndarray) -> bytearray:
    file = io.BytesIO()
    savemat(file, arrays)
    return bytearray(file.getvalue())


def test_numbers_of_a_type_that_there_is_not_are_refused(tmp_path: Path):
    data = plain(X=IMAGES, y=LABELS)
    place = len(data) - 16 - 8  # the tag before the twelve labels
    assert data[place : place + 8] == bytes([2, 0, 0, 0, 12, 0, 0, 0])
    data[place] = 118
    (tmp_path / "x.mat").write_bytes(data)

    with pytest.raises(
        DatasetError, match=r"x\.mat is no MATLAB file that can be read, or is damaged: an array has not"
    ):
        read_dataset(tmp_path / "x.mat")


def test_an_array_that_is_there_twice_is_refused(tmp_path: Path):
    first, second = plain(X=IMAGES, y=LABELS), plain(X=IMAGES)
    (tmp_path / "x.mat").write_bytes(first + second[128:])

    with pytest.raises(DatasetError, match="an array is there twice"):
        read_dataset(tmp_path / "x.mat")
