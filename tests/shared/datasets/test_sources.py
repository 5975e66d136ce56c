import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import Places, find_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import write_npz

IMAGES = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
LABELS = np.array([0, 1, 9])
ARRAYS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:2], "y_test": LABELS[:2]}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """No data set with a name is in any of these places."""
    return Places(keras_home=tmp_path / "keras_home", debian_folder=tmp_path / "debian", download=False)


def test_an_npz_file_is_a_data_set_called_like_the_file(places: Places, tmp_path: Path):
    names, weights = np.array([f"class {index}" for index in range(10)]), np.arange(len(LABELS))
    np.savez(tmp_path / "mine.npz", **ARRAYS, class_names=names, sample_weights_train=weights)

    dataset = find_dataset(str(tmp_path / "mine.npz"), places)

    assert dataset.name == "mine.npz"
    assert dataset.class_names[9] == "class 9"
    np.testing.assert_array_equal(dataset.x_train[..., 0], IMAGES)
    np.testing.assert_array_equal(dataset.y_train, LABELS)
    np.testing.assert_array_equal(dataset.sample_weights_train, weights)


def test_a_path_may_begin_with_the_home_folder(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "mine.npz", **ARRAYS)

    assert find_dataset("~/mine.npz", places).name == "mine.npz"


def test_a_name_goes_before_a_file_that_is_called_like_it(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "digits").write_bytes(write_npz(ARRAYS))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DatasetError, match="Data set 'digits' was not found"):
        find_dataset("digits", places)
    assert find_dataset("./digits", places).name == "digits"


def test_a_mistyped_name_is_answered_with_the_nearest(places: Places):
    with pytest.raises(
        DatasetError, match=r"There is no data set and no file called 'fashon'; did you mean 'fashion'\?$"
    ):
        find_dataset("fashon", places)


@pytest.mark.parametrize("path", ["/nowhere/none.npz", "~nobody-of-that-name/none.npz"])
def test_a_path_that_leads_nowhere_is_answered_with_what_is_valid(places: Places, path: str):
    others = r"or the path of an \.npz file, of a table or of a folder of images\.$"
    message = rf"called '{path}'; valid are cifar10, digits, fashion, {others}"

    with pytest.raises(DatasetError, match=message):
        find_dataset(path, places)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("x" * 300, "cannot be read: File name too long"),
        ("a\0b", "is damaged"),
    ],
)
def test_a_path_that_cannot_be_read_is_an_error_with_the_reason(places: Places, path: str, reason: str):
    with pytest.raises(DatasetError, match=reason):
        find_dataset(path, places)


def test_a_file_that_is_no_npz_is_named(places: Places, tmp_path: Path):
    (tmp_path / "text.npz").write_text("just text")

    with pytest.raises(DatasetError, match=r"text\.npz is no \.npz file"):
        find_dataset(str(tmp_path / "text.npz"), places)


@pytest.mark.parametrize("largest", [1.0, -3.5, 255.0])
def test_floats_are_never_rescaled(places: Places, tmp_path: Path, largest: float):
    images = np.zeros((2, 3, 3))
    images[0, 0, 0] = largest
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=[0, 1], x_test=images, y_test=[0, 1])

    dataset = find_dataset(str(tmp_path / "mine.npz"), places)

    assert dataset.x_train[0, 0, 0, 0] == largest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y_train": np.zeros(9, np.int64)}, "y_train holds 9 labels for 64 images"),
        ({"y_train": np.full(64, -1)}, r"labels must lie in 0\.\.9999"),
        ({"y_train": np.arange(64) * 31}, "look like numbers to be predicted"),
        ({"x_test": np.zeros((2, 9, 9), np.uint8)}, "those of x_test 9x9x1"),
    ],
    ids=["size", "label", "numbers", "shape"],
)
def test_what_labels_and_headers_tell_is_told_before_images_are_unpacked(
    places: Places, tmp_path: Path, changes: dict[str, np.ndarray], said: str
):
    images, labels = np.zeros((64, 1000, 1000), np.uint8), np.arange(64) % 2
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]} | changes
    np.savez_compressed(tmp_path / "zeros.npz", **arrays)

    tracemalloc.start()
    with pytest.raises(DatasetError, match=said):
        find_dataset(str(tmp_path / "zeros.npz"), places)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (tmp_path / "zeros.npz").stat().st_size < 200_000
    assert peak < 2_000_000


def test_labels_that_look_like_numbers_are_classes_where_each_has_a_name(places: Places, tmp_path: Path):
    labels = np.arange(30) * 31
    names = np.array([f"code {number}" for number in range(900)])
    images = np.zeros((30, 2, 2), np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)

    assert len(find_dataset(str(tmp_path / "x.npz"), places).class_names) == 900


def test_labels_that_look_like_numbers_are_classes_where_networks_tell_so(places: Places, tmp_path: Path):
    labels, images = np.arange(30) * 31 + 10, np.zeros((30, 2, 2), np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)

    with pytest.raises(DatasetError, match="look like numbers to be predicted"):
        find_dataset(str(tmp_path / "x.npz"), places)
    assert len(find_dataset(str(tmp_path / "x.npz"), places, labels_are_classes=True).class_names) == 910


def test_channels_that_come_first_are_turned_where_that_is_said(places: Places, tmp_path: Path):
    images = np.arange(2 * 3 * 8 * 9, dtype=np.uint8).reshape(2, 3, 8, 9)
    np.savez(tmp_path / "first.npz", x_train=images, y_train=[0, 1], x_test=images, y_test=[0, 1])

    with pytest.raises(DatasetError, match=r"x_train has the shape .* 8x9 pixels with 3 channels that come first"):
        find_dataset(str(tmp_path / "first.npz"), places)
    found = find_dataset(str(tmp_path / "first.npz"), places, channels_first=True)

    np.testing.assert_array_equal(found.x_train, images.transpose(0, 2, 3, 1))
    assert found.x_test.flags.c_contiguous
    assert find_dataset(str(tmp_path / "first.npz"), places, channels_first=False).x_train.shape == (2, 3, 8, 9)


def test_a_data_set_with_a_name_has_no_channels_to_turn(places: Places):
    with pytest.raises(DatasetError, match="'digits' has its channels last: leave out --images-channels-first"):
        find_dataset("digits", places, channels_first=True)


def test_a_fifo_and_a_device_are_refused_and_not_read(places: Places, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.npz")

    with pytest.raises(DatasetError, match=r"pipe\.npz cannot be read: it is a FIFO, and only regular files are read"):
        find_dataset(str(tmp_path / "pipe.npz"), places)
    with pytest.raises(DatasetError, match="cannot be read: it is a device"):
        find_dataset("/dev/zero", places)


def test_images_without_labels_are_called_so(tmp_path: Path, places: Places):
    np.savez(tmp_path / "new.npz", x_train=IMAGES, x_test=IMAGES)

    with pytest.raises(DatasetError, match=r"new\.npz holds images without labels \(y_train, y_test\)"):
        find_dataset(str(tmp_path / "new.npz"), places)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer.*`git lfs pull`"),
        (b"<!doctype html><html>", "it is a web page"),
        (b"\x93NUMPY\x01\x00", r"it is a single array \(\.npy\)"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
    ],
)
def test_a_data_set_that_is_something_else_is_told_by_its_first_bytes(
    tmp_path: Path, places: Places, content: bytes, sentence: str
):
    (tmp_path / "data.npz").write_bytes(content)

    with pytest.raises(DatasetError, match=rf"data\.npz is no \.npz file.*{sentence}"):
        find_dataset(str(tmp_path / "data.npz"), places)


def test_an_empty_folder_or_a_pipe_is_no_data_set_and_nobody_waits_for_it(tmp_path: Path, places: Places):
    os.mkfifo(tmp_path / "pipe")

    for path, sentence in ((tmp_path, "holds no image files"), (tmp_path / "pipe", "it is a FIFO")):
        with pytest.raises(DatasetError, match=sentence):
            find_dataset(str(path), places)
