"""Files whose arrays are not read into memory: what they hold is found out, and is the same as of small ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import Dataset, FileOptions, all_findings, encode_dataset, examine
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import is_mapped
from tests.shared.datasets.image_files.pictures import write_classes, write_picture

SIZE = 40
PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE, 7, 6, 3), dtype=np.uint8)
PIXELS[5], PIXELS[6] = 0, PIXELS[4]  # one that is black all over, and a copy
LABELS = np.arange(SIZE) % 3


def _npy(folder: Path, pixels: np.ndarray, **parts: np.ndarray) -> Path:
    folder.mkdir()
    for name, array in {"x_train": pixels, "y_train": LABELS, **parts}.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def _npz(path: Path, save: Callable[..., None] = np.savez) -> Path:
    save(path, x_train=PIXELS[:30], y_train=LABELS[:30], x_test=PIXELS[30:], y_test=LABELS[30:])
    return path


def _photos(folder: Path) -> Path:
    """Pictures in grey, of which the last is in colours."""
    write_classes(folder, 10)
    write_picture(folder / "dog" / "z.png", 99, channels=3)
    return folder


WAYS: dict[str, Callable[[Path], Path]] = {
    "npz": lambda folder: _npz(folder / "set.npz"),
    "compressed npz": lambda folder: _npz(folder / "set.npz", np.savez_compressed),
    "npy": lambda folder: _npy(folder / "set", PIXELS, x_test=PIXELS[:9], y_test=LABELS[:9]),
    "npy without a test": lambda folder: _npy(folder / "set", PIXELS),
    "whole numbers of eight bytes": lambda folder: _npy(folder / "set", PIXELS.astype(np.int64)),
    "floats of eight bytes": lambda folder: _npy(folder / "set", PIXELS / 7),
    "floats of four bytes": lambda folder: _npy(folder / "set", PIXELS.astype(np.float32)),
    "truth values": lambda folder: _npy(folder / "set", PIXELS > 99),
    "grey": lambda folder: _npy(folder / "set", PIXELS[..., 0]),
    "the first axis fastest": lambda folder: _npy(folder / "set", np.asfortranarray(PIXELS)),
    "image files": lambda folder: _photos(folder / "photos"),
}


def _both(path: Path, **options: bool) -> tuple[Dataset, Dataset]:
    """The data set in memory, and as it is read if nothing may be kept there."""
    return read_dataset(path, **options), read_dataset(path, **options, options=FileOptions(memory_bytes=0))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_in_files_is_the_same_data_set(tmp_path: Path, way: str):
    small, large = _both(WAYS[way](tmp_path))

    assert is_mapped(large.x_train)
    assert is_mapped(large.x_test)
    assert not is_mapped(small.x_train)
    assert encode_dataset(large) == encode_dataset(small)
    assert all_findings(large) == all_findings(small)
    assert examine(large) == examine(small)


def test_channels_that_come_first_are_turned(tmp_path: Path):
    small, large = _both(_npy(tmp_path / "set", np.moveaxis(PIXELS, -1, 1)), channels_first=True)

    assert is_mapped(large.x_train)
    assert large.x_train.flags.c_contiguous
    assert encode_dataset(large) == encode_dataset(small)


@pytest.mark.parametrize(
    ("value", "refusal"), [(np.nan, "image 17 holds a value that is not finite"), (1e60, "image 17 holds a value that")]
)
def test_a_value_that_is_no_number_is_found(tmp_path: Path, value: float, refusal: str):
    pixels = PIXELS / 7
    pixels[17, 3] = value
    folder = _npy(tmp_path / "set", pixels, x_test=PIXELS / 7, y_test=LABELS)

    with pytest.raises(DatasetError, match=refusal):
        read_dataset(folder, options=FileOptions(memory_bytes=0))


def test_whole_numbers_beyond_bytes_are_refused(tmp_path: Path):
    folder = _npy(tmp_path / "set", PIXELS.astype(np.int64) * 2, x_test=PIXELS, y_test=LABELS)

    with pytest.raises(DatasetError, match=r"whole numbers must lie in 0\.\.255"):
        read_dataset(folder, options=FileOptions(memory_bytes=0))
