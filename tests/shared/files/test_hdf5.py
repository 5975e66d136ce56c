import io
import struct

import h5py
import numpy as np
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import open_hdf5, read_names, read_text
from deepchord.shared.files.hdf5_heaps import find_damage


def file_of_texts() -> bytes:
    """A list of names of any length, as Keras 3 writes it, and a text."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = ["conv2d", "dense", "a name that is longer than the others"]
        file.attrs["model_config"] = "{}"
    return buffer.getvalue()


def heap_of(data: bytes) -> int:
    return data.index(b"GCOL")


def test_texts_of_any_length_are_read():
    with open_hdf5(io.BytesIO(file_of_texts()), "w.h5") as file:
        assert read_names(file, "layer_names", "w.h5")[:2] == ["conv2d", "dense"]
        assert read_text(file, "model_config", 100, "w.h5") == "{}"
        assert read_text(file, "backend", 100, "w.h5") is None
        with pytest.raises(CheckpointError, match="layer_names of / is no text"):
            read_text(file, "layer_names", 100, "w.h5")


@pytest.mark.parametrize(
    "object_",
    [
        pytest.param(struct.pack("<HHIQ", 0, 0, 0, 0), id="free_and_of_no_size"),
        pytest.param(struct.pack("<HHIQ", 0, 0, 0, 8), id="free_and_smaller_than_its_header"),
        pytest.param(struct.pack("<HHIQ", 1, 1, 0, 2**64 - 16), id="round_to_itself"),
        pytest.param(struct.pack("<HHIQ", 1, 1, 0, 2**40), id="beyond_the_heap"),
    ],
)
def test_a_heap_that_the_library_would_walk_for_ever_is_refused(object_: bytes):
    data = bytearray(file_of_texts())
    at = heap_of(data) + 16
    data[at : at + len(object_)] = object_

    # Without the look at it before, this never ends.
    with (
        pytest.raises(CheckpointError, match=r"w\.h5 is not a readable HDF5 file.*a list of texts in it is damaged"),
        open_hdf5(io.BytesIO(data), "w.h5") as file,
    ):
        read_names(file, "layer_names", "w.h5")


def test_a_heap_that_reaches_beyond_the_file_is_refused():
    data = bytearray(file_of_texts())
    at = heap_of(data)
    data[at + 8 : at + 16] = struct.pack("<Q", 2**64 - 1)
    data[at + 16 : at + 32] = struct.pack("<HHIQ", 1, 1, 0, 2**63)  # no file can be looked at there

    assert find_damage(io.BytesIO(data)) == "a list of texts in it is damaged"


def test_a_heap_is_found_wherever_it_lies(monkeypatch: pytest.MonkeyPatch):
    data = bytearray(file_of_texts())
    at = heap_of(data)
    data[at + 16 : at + 32] = bytes(16)

    for size in (at + 1, at + 4, 8, 2**20):
        monkeypatch.setattr("deepchord.shared.files.hdf5_heaps._CHUNK_BYTES", size)
        assert find_damage(io.BytesIO(data)) == "a list of texts in it is damaged"
        assert find_damage(io.BytesIO(file_of_texts())) is None


def test_what_is_no_heap_is_none():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["x"] = np.frombuffer(b"GCOLGCOL", "f4")

    assert find_damage(buffer) is None
    assert find_damage(io.BytesIO(b"something else")) is None


def test_widths_that_keras_does_not_write_are_refused():
    data = bytearray(file_of_texts())
    data[13:15] = b"\x04\x04"

    assert find_damage(io.BytesIO(data)) == "its first block is none that Keras writes"
    assert find_damage(io.BytesIO(bytes(512) + file_of_texts())) == "HDF5 does not begin at its first byte"


def test_a_text_that_claims_to_be_longer_than_the_file_is_refused():
    data = bytearray(file_of_texts())
    at = data.index(struct.pack("<Q", heap_of(data)))
    data[at - 4 : at] = struct.pack("<I", 2**31)

    assert find_damage(io.BytesIO(data)) == "a list of texts in it is damaged"
