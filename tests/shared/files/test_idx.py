import contextlib
import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_idx


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("compressed", [False, True])
def test_an_idx_file_is_read_gzipped_or_not(tmp_path: Path, compressed: bool):
    array = np.arange(24).reshape(2, 3, 4)
    data = idx(array)
    (tmp_path / ("x.gz" if compressed else "x")).write_bytes(gzip.compress(data) if compressed else data)

    found = read_idx(tmp_path / "x")

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_idx_file_gives_an_array_or_a_dataset_error_and_nothing_else(tmp_path: Path, data: st.DataObject):
    content = bytearray(idx(np.arange(24).reshape(2, 3, 4)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    packed = data.draw(st.booleans())
    (tmp_path / ("x.gz" if packed else "x")).write_bytes(gzip.compress(content) if packed else content)
    (tmp_path / ("x" if packed else "x.gz")).unlink(missing_ok=True)

    with contextlib.suppress(DatasetError):
        assert read_idx(tmp_path / "x").dtype == np.uint8


def test_an_idx_file_that_is_not_there_is_a_file_not_found(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no IDX file"),
        (b"\0\0\x08\x03\0\0", "is no IDX file"),
        (b"\0\0\x0d\x01\0\0\0\x01abcd", "is no IDX file"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"a", "is no IDX file"),
        (b"\0\0\x08\x04" + b"\xff" * 12 + b"\0" * 4, "is damaged: cannot reshape"),
        (idx(np.arange(24).reshape(2, 12))[:-5], "was cut off: expected 24 values, found 19"),
    ],
)
def test_an_idx_file_that_is_none_is_refused(tmp_path: Path, data: bytes, message: str):
    (tmp_path / "x").write_bytes(data)

    with pytest.raises(DatasetError, match=message):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(idx(np.arange(1000)))[:-20]])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, data: bytes):
    (tmp_path / "x.gz").write_bytes(data)

    with pytest.raises(DatasetError, match=r"x\.gz cannot be read or is damaged"):
        read_idx(tmp_path / "x")


def test_of_a_gzip_file_no_more_is_unpacked_than_its_header_speaks_of(tmp_path: Path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx(np.zeros((2, 5))) + bytes(50_000_000)))

    tracemalloc.start()
    with pytest.raises(DatasetError, match="holds more than the 10 values"):
        read_idx(tmp_path / "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


def test_an_idx_header_that_speaks_of_more_than_fits_into_memory_is_refused(tmp_path: Path):
    (tmp_path / "x").write_bytes(bytes([0, 0, 8, 4]) + b"\xff" * 16)

    with pytest.raises(DatasetError, match="GiB when it is unpacked"):
        read_idx(tmp_path / "x")


def test_a_file_that_cannot_be_read_is_named_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x").touch()

    def refuse(*_: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(DatasetError, match="x cannot be read or is damaged: not yours"):
        read_idx(tmp_path / "x")
