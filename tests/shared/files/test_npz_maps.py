from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.errors import DatasetError
from deepchord.shared.files import is_mapped, read_large_npz

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
ROWS = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(6, 4))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_are_mapped_whether_they_are_compressed_or_not(tmp_path: Path, save: Callable[..., None]):
    save(tmp_path / "set.npz", labels=np.arange(3), images=IMAGES, rows=ROWS)

    found = read_large_npz(tmp_path / "set.npz", "set.npz", ("images", "rows"), memory_bytes=100)

    assert is_mapped(found["images"])
    assert is_mapped(found["rows"])
    np.testing.assert_array_equal(found["images"], IMAGES)
    np.testing.assert_array_equal(found["rows"], ROWS)


def test_small_arrays_are_read_into_memory(tmp_path: Path):
    np.savez(tmp_path / "set.npz", images=IMAGES)

    found = read_large_npz(tmp_path / "set.npz", "set.npz", ("images",))

    assert not is_mapped(found["images"])
    np.testing.assert_array_equal(found["images"], IMAGES)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_array_is_named(tmp_path: Path, save: Callable[..., None]):
    save(tmp_path / "set.npz", images=IMAGES)
    data = bytearray((tmp_path / "set.npz").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "set.npz").write_bytes(data)

    with pytest.raises(DatasetError, match=r"^set\.npz: images is damaged: .*\.$"):
        read_large_npz(tmp_path / "set.npz", "set.npz", ("images",), memory_bytes=100)
