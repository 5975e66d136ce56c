from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepchord.shared.errors import DatasetError
from deepchord.shared.files import (
    in_pieces,
    is_mapped,
    map_array,
    new_array,
    pieces,
    read_at_random,
    read_in_order,
    rows_of,
    will_read,
)

IMAGES = np.arange(4 * 3 * 5, dtype=np.uint8).reshape(4, 3, 5)


def mapped(array: np.ndarray) -> np.ndarray:
    """The same values in a temporary file."""
    found = new_array(array.shape, array.dtype, "images", memory_bytes=0)
    found[...] = array
    return found


def test_a_view_of_a_map_is_one_and_a_copy_is_none():
    images = mapped(IMAGES)

    assert is_mapped(images)
    assert is_mapped(images[1:].reshape(3, -1).view())
    assert not is_mapped(images.copy())
    assert not is_mapped(images[[0, 2]])
    assert not is_mapped(IMAGES)


def test_what_fits_is_kept_in_memory():
    assert not is_mapped(new_array((4, 3), "f4", "images", memory_bytes=48))
    assert is_mapped(new_array((4, 3), "f4", "images", memory_bytes=47))


def test_a_map_reads_from_its_place_in_the_file_and_is_not_written(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"head" + IMAGES.tobytes())

    found = map_array(tmp_path / "file", IMAGES.dtype, IMAGES.shape, 4)

    np.testing.assert_array_equal(found, IMAGES)
    assert not found.flags.writeable


def test_a_file_that_is_too_short_is_not_mapped(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"short")

    with pytest.raises(ValueError, match="mmap length"):
        map_array(tmp_path / "file", IMAGES.dtype, IMAGES.shape, 0)


def test_temporary_files_without_room_are_a_sentence():
    with pytest.raises(DatasetError, match=r"^photos takes .* GiB of temporary files, and .* are free in .*TMPDIR\.$"):
        new_array((2**55,), np.uint8, "photos")


@given(hnp.arrays("i4", st.tuples(st.integers(1, 9), st.integers(1, 4))), st.data())
def test_what_is_changed_or_chosen_piece_by_piece_is_the_same_as_at_once(array: np.ndarray, data: st.DataObject):
    chosen = data.draw(hnp.arrays(bool, len(array)))
    images = mapped(array)

    halves = in_pieces(images, "f8", lambda part: part / 2, "images")

    np.testing.assert_array_equal(halves, array / 2)
    np.testing.assert_array_equal(rows_of(images, chosen, "images"), array[chosen])
    assert is_mapped(halves)


def test_a_map_of_several_pieces_is_changed_and_chosen_from_as_a_whole():
    array = np.arange(5, dtype=np.uint8)[:, None] + np.zeros((5, 9 * 2**20), np.uint8)
    images, chosen = mapped(array), np.array([True, False, True, True, True])
    assert len(pieces(images)) == 2

    more = in_pieces(images, np.int8, lambda part: part.astype(np.int8) + np.int8(1), "images")

    assert more[:, :: 2**20].tolist() == (array[:, :: 2**20] + 1).tolist()
    assert rows_of(images, chosen, "images")[:, 0].tolist() == [0, 2, 3, 4]


def test_a_map_that_needs_no_change_is_returned_as_it_is():
    images = mapped(IMAGES)

    assert in_pieces(images, np.uint8, lambda part: part, "images") is images


def test_a_map_whose_first_axis_runs_fastest_is_put_in_order():
    images = mapped(IMAGES.T).T

    found = in_pieces(images, np.uint8, lambda part: part, "images")

    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, IMAGES)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_pieces_are_all_rows_in_their_order(rows: int, width: int):
    array = np.broadcast_to(np.zeros((), "f8"), (rows, width, 100))

    found = [row for part in pieces(array) for row in range(*part.indices(rows))]

    assert found == list(range(rows))


def test_what_the_system_is_told_of_a_map_changes_nothing():
    for images in (mapped(IMAGES), mapped(IMAGES)[1:], IMAGES):
        expected = images.copy()
        read_at_random(images)
        will_read(images, np.array([2, 0, 2]))
        will_read(images, np.array([], dtype=np.int64))
        read_in_order(images)
        np.testing.assert_array_equal(images, expected)
