import contextlib
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepchord.shared.errors import DatasetError
from deepchord.shared.files import npz_outlines, read_npy, read_npz, write_npy, write_npz

ARRAYS = hnp.arrays(
    st.sampled_from(["u1", "<i8", ">i4", "<f4", "<U3", "?"]), hnp.array_shapes(min_dims=0, max_dims=4, max_side=3)
)


class Bomb:
    """Would raise on being unpickled; nothing may unpickle it."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was executed')",))


@given(array=ARRAYS)
def test_arrays_come_back_from_an_npz_as_they_were(array):
    data = write_npz({"a": array, "b": np.arange(3)})

    found = read_npz(io.BytesIO(data), "there", ("a",), ("b", "absent"))

    assert list(found) == ["a", "b"]
    assert found["a"].shape == array.shape
    np.testing.assert_array_equal(found["a"], array)


@given(array=ARRAYS)
def test_an_array_comes_back_from_an_npy_as_it_was(array):
    found = read_npy(write_npy(array), "there")

    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@given(array=ARRAYS)
def test_an_npy_has_the_very_bytes_that_an_npz_has_of_the_array(array):
    with zipfile.ZipFile(io.BytesIO(write_npz({"a": array}))) as archive:
        assert archive.read("a.npy") == write_npy(array)


@given(array=hnp.arrays("<f4", hnp.array_shapes(min_dims=2, max_dims=2, max_side=4)))
def test_an_npy_is_what_numpy_writes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)

    assert write_npy(array) == buffer.getvalue()


@given(data=st.binary(max_size=200))
def test_whatever_is_no_npy_is_named(data):
    with pytest.raises(DatasetError, match="there: its array "):
        read_npy(data, "there")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"1"], ids=["cut off", "more follows"])
def test_an_npy_that_is_cut_off_or_goes_on_is_damaged(change):
    with pytest.raises(DatasetError, match="there: its array is damaged"):
        read_npy(change(write_npy(np.arange(30))), "there")


def test_pickled_objects_in_an_npy_are_refused_and_never_executed():
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)

    with pytest.raises(DatasetError, match="its array holds pickled Python objects"):
        read_npy(buffer.getvalue(), "there")


def test_equal_arrays_give_equal_bytes_whatever_their_layout_and_byte_order():
    array = np.arange(24, dtype="<i4").reshape(2, 3, 4)

    assert (
        write_npz({"a": np.asfortranarray(array)}) == write_npz({"a": array.astype(">i4")}) == write_npz({"a": array})
    )


def test_an_npz_can_be_read_by_numpy():
    with np.load(io.BytesIO(write_npz({"a": np.arange(3)})), allow_pickle=False) as found:
        assert found["a"].tolist() == [0, 1, 2]


def test_a_compressed_npz_of_numpy_is_read_from_its_path(tmp_path: Path):
    np.savez_compressed(tmp_path / "some.npz", a=np.arange(3), unused=np.arange(2))

    assert read_npz(tmp_path / "some.npz", "some.npz", ("a",))["a"].tolist() == [0, 1, 2]


def test_arrays_that_are_missing_are_named_with_those_that_were_found():
    data = write_npz({"a": np.arange(3), "images": np.arange(3)})

    with pytest.raises(DatasetError, match=r"there lacks b, c: expected the arrays a, b, c, found a, images\."):
        read_npz(io.BytesIO(data), "there", ("a", "b", "c"))


def test_an_empty_archive_is_said_to_hold_none():
    with pytest.raises(DatasetError, match="found none"):
        read_npz(io.BytesIO(write_npz({})), "there", ("a",))


def test_pickled_objects_are_refused_and_never_executed(tmp_path: Path):
    np.savez(tmp_path / "evil.npz", a=np.array([Bomb()], dtype=object))

    with pytest.raises(DatasetError, match="a holds pickled Python objects, which deepchord never reads"):
        read_npz(tmp_path / "evil.npz", "evil.npz", ("a",))


def test_a_bare_pickle_is_no_npz(tmp_path: Path):
    (tmp_path / "evil.npz").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(DatasetError, match=r"evil.npz is no \.npz file"):
        read_npz(tmp_path / "evil.npz", "evil.npz", ("a",))


def test_objects_are_never_written():
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz({"a": np.array([Bomb()], dtype=object)})


def test_a_file_that_was_cut_off_is_called_so():
    data = write_npz({"a": np.arange(300)})

    with pytest.raises(DatasetError, match="was cut off"):
        read_npz(io.BytesIO(data[:-200]), "there", ("a",))


def test_a_member_that_is_no_array_is_named():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"just text")
        archive.writestr("b.npy", b"just text")

    with pytest.raises(DatasetError, match=r"a is no \.npy array"):
        read_npz(buffer, "there", ("a",))
    with pytest.raises(DatasetError, match="b is damaged"):
        read_npz(buffer, "there", ("b",))


def test_an_npz_that_is_not_there_is_a_file_not_found(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "x.npz", "x.npz", ("a",))


@settings(max_examples=400)
@given(place=st.integers(min_value=0, max_value=10_000), byte=st.integers(min_value=0, max_value=255))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_npz_gives_an_array_or_a_dataset_error_and_nothing_else(place: int, byte: int):
    data = bytearray(write_npz({"a": np.arange(12, dtype="f4"), "b": np.array(["x", "y"])}))
    data[place % len(data)] = byte

    with contextlib.suppress(DatasetError):
        assert set(read_npz(io.BytesIO(bytes(data)), "there", ("a", "b"))) == {"a", "b"}


def test_an_array_that_is_there_twice_is_refused():
    buffer = io.BytesIO(write_npz({"a": np.arange(3)}))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a.npy", b"other")

    with pytest.raises(DatasetError, match="there holds a twice"):
        read_npz(buffer, "there", ("a",))


def test_an_archive_of_very_many_members_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}.npy", b"")

    with pytest.raises(DatasetError, match=r"there holds 1,001 arrays, expected at most 1,000: save those of"):
        read_npz(buffer, "there", ("1",))
    with pytest.raises(DatasetError, match=r"there lacks a: .*, found 0, 1, 2, .* and 981 more\."):
        read_npz(buffer, "there", ("a",))


def lying(shape: tuple[int, ...], told: int | None = None) -> io.BytesIO:
    """Return an `.npz` of a few bytes whose header speaks of a shape, and its archive of a size."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
        if told is not None:
            archive.filelist[0].file_size = len(header.getvalue()) + told
    return buffer


@pytest.mark.parametrize("shape", [(10**9, 10**9), (2**62, 2**62, 2**62), (-1, 5), (-2, -2), (3,)], ids=str)
def test_a_header_that_speaks_of_more_than_is_there_is_damaged(shape: tuple[int, ...]):
    with pytest.raises(DatasetError, match="there: a is damaged: its header tells of"):
        read_npz(lying(shape), "there", ("a",))


def test_arrays_that_take_more_memory_than_there_is_are_refused_before_they_are_unpacked():
    terabytes = lying((2**40,), told=2**42)

    with pytest.raises(
        DatasetError, match=r"there takes 4,096\.0 GiB when it is unpacked, and .* GiB of memory are free"
    ):
        read_npz(terabytes, "there", ("a",))


def test_outlines_tell_shape_and_type_of_each_array_and_unpack_none():
    ones = np.ones((200, 300))
    data = bytearray(write_npz({"a": ones.astype(">f8"), "b": np.array(["x", "yz"])}))
    data[data.index(ones.tobytes()) + ones.nbytes - 1] ^= 1  # so that it cannot be unpacked

    found = npz_outlines(io.BytesIO(bytes(data)), "there", ("a",), ("b",))

    assert {name: (array.shape, array.dtype.str) for name, array in found.items()} == {
        "a": ((200, 300), "<f8"),
        "b": ((2,), "<U2"),
    }
    with pytest.raises(DatasetError, match="there: a is damaged: Bad CRC-32"):
        read_npz(io.BytesIO(bytes(data)), "there", ("a",))


def test_an_archive_that_no_reader_knows_is_damaged():
    data = bytearray(write_npz({"a": np.arange(3)}))
    data[data.index(b"PK\x01\x02") + 6] = 99  # the version needed to unpack it

    with pytest.raises(DatasetError, match=r"there is damaged: zip file version 9\.9"):
        read_npz(io.BytesIO(bytes(data)), "there", ("a",))


def test_names_in_an_archive_cannot_write_to_a_terminal():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("\x1b[31m.npy", b"")
        archive.writestr("b" * 5000, b"")

    with pytest.raises(DatasetError, match=r"found \ufffd\[31m, b{60}…\.$"):
        read_npz(buffer, "there", ("a",))
