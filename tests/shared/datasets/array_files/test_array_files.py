import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from deepchord.shared.datasets import FileOptions
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
LABELS = np.arange(40) % 4


def write_idx(path: Path, array: np.ndarray) -> None:
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_npy(folder: Path, **arrays: np.ndarray) -> Path:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("X_train", "Y_train", "test_images", "test_labels")]
)
def test_npy_files_of_a_folder_are_a_data_set(tmp_path: Path, names: tuple[str, ...]):
    write_npy(tmp_path, **dict(zip(names, (IMAGES[:30], LABELS[:30], IMAGES[30:], LABELS[30:]), strict=True)))

    for path in (tmp_path, tmp_path / f"{names[0]}.npy"):
        found = read_dataset(path)
        np.testing.assert_array_equal(found.x_train[..., 0], IMAGES[:30])
        np.testing.assert_array_equal(found.y_test, LABELS[30:])
        assert found.split is None


def test_test_images_are_drawn_if_there_are_none(tmp_path: Path):
    write_npy(tmp_path, images=IMAGES, labels=LABELS)

    found = read_dataset(tmp_path, options=FileOptions(test_share=0.25, split_seed=3))

    assert np.bincount(found.y_test).sum() == 10
    assert set(np.bincount(found.y_train)) <= {7, 8}
    assert (found.split.share, found.split.seed) == (0.25, 3)
    again = read_dataset(tmp_path, options=FileOptions(test_share=0.25, split_seed=3))
    np.testing.assert_array_equal(again.x_test, found.x_test)


def test_an_npz_without_test_images_is_split_and_copies_stay_on_one_side(tmp_path: Path):
    np.savez(tmp_path / "mine.npz", x_train=np.repeat(IMAGES[:20], 2, axis=0), y_train=np.repeat(LABELS[:20], 2))

    found = read_dataset(tmp_path / "mine.npz", options=FileOptions(test_share=0.5))

    train = {image.tobytes() for image in found.x_train}
    assert len(found.x_test) == 20
    assert not any(image.tobytes() in train for image in found.x_test)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": IMAGES}, r"lacks y_train\.npy"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, r"lacks y_test\.npy"),
        ({"x_train": IMAGES, "y_train": LABELS[:9]}, "y_train holds 9 labels for 40 images"),
        ({"x_train": IMAGES[:2], "y_train": LABELS[:2]}, "2 images or rows of 2 classes are too few to keep some"),
        ({"x_train": np.moveaxis(IMAGES, 0, -1), "y_train": LABELS}, "its images lie along the last axis"),
        ({"x_train": np.float32(3), "y_train": LABELS}, "expected images as"),
        ({"x_train": np.array(["a"]), "y_train": LABELS}, "expected"),
    ],
)
def test_npy_files_that_are_no_data_set_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], said: str):
    with pytest.raises(DatasetError, match=said):
        read_dataset(write_npy(tmp_path, **arrays))


def test_pickled_objects_and_false_sizes_are_never_read(tmp_path: Path):
    np.save(tmp_path / "x_train.npy", np.array([object()], dtype=object), allow_pickle=True)
    np.save(tmp_path / "y_train.npy", LABELS)
    with pytest.raises(DatasetError, match="pickled Python objects, which deepchord never reads"):
        read_dataset(tmp_path)

    np.save(tmp_path / "x_train.npy", IMAGES)
    data = (tmp_path / "x_train.npy").read_bytes()
    (tmp_path / "x_train.npy").write_bytes(data.replace(b"(40, 6, 5)", b"(4e, 6, 5)"))
    with pytest.raises(DatasetError, match=r"x_train\.npy is no \.npy file that can be read"):
        read_dataset(tmp_path)
    (tmp_path / "x_train.npy").write_bytes(data[:-1])
    with pytest.raises(DatasetError, match="its header tells of 1200 bytes"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["{}-idx{}-ubyte", "{}.idx{}-ubyte", "letters-{}-idx{}-ubyte.gz"])
def test_a_folder_of_idx_files_is_a_data_set(tmp_path: Path, name: str):
    for part, rows in (("train", slice(0, 30)), ("t10k", slice(30, 40))):
        write_idx(tmp_path / name.format(f"{part}-images", 3), IMAGES[rows])
        write_idx(tmp_path / name.format(f"{part}-labels", 1), LABELS[rows])

    for path in (tmp_path, next(tmp_path.iterdir())):
        found = read_dataset(path)
        np.testing.assert_array_equal(found.x_train[..., 0], IMAGES[:30])
        np.testing.assert_array_equal(found.y_test, LABELS[30:])


def test_idx_files_that_are_missing_or_of_several_data_sets_are_named(tmp_path: Path):
    write_idx(tmp_path / "train-images-idx3-ubyte", IMAGES)
    with pytest.raises(DatasetError, match=r"lacks train-labels-idx1-ubyte, or the same with \.gz"):
        read_dataset(tmp_path)
    write_idx(tmp_path / "kana-train-labels-idx1-ubyte", LABELS)
    with pytest.raises(DatasetError, match="the IDX files of several data sets"):
        read_dataset(tmp_path)


def test_svhn_has_its_digits_and_its_test_images_beside_it(tmp_path: Path):
    digits = np.arange(40) % 10
    for part, rows in (("train", slice(0, 30)), ("test", slice(30, 40))):
        labels = np.where(digits[rows] == 0, 10, digits[rows])[:, None].astype(np.uint8)
        colours = np.repeat(IMAGES[rows][..., None], 3, axis=-1)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": np.moveaxis(colours, 0, -1), "y": labels}, do_compression=True)

    found = read_dataset(tmp_path / "train_32x32.mat")

    assert (found.x_train.shape, found.x_test.shape) == ((30, 6, 5, 3), (10, 6, 5, 3))
    np.testing.assert_array_equal(found.x_train[..., 1], IMAGES[:30])
    np.testing.assert_array_equal(found.y_train, digits[:30])
    assert found.class_names == tuple("0123456789")
    assert "10 is the digit 0" in found.findings[0].text


def test_ten_classes_that_are_no_digits_keep_their_order(tmp_path: Path):
    savemat(tmp_path / "shapes.mat", {"X": IMAGES, "y": (np.arange(40) % 10 + 1)[:, None]})

    found = read_dataset(tmp_path / "shapes.mat")

    assert found.class_names == tuple(map(str, range(1, 11)))
    np.testing.assert_array_equal(np.bincount(found.y_train, minlength=10) > 0, True)
    drawn = [np.flatnonzero((image[..., 0] == IMAGES).all(axis=(1, 2)))[0] for image in found.x_test]
    assert found.y_test.tolist() == [place % 10 for place in drawn]
    assert "keep their numbers in the file as names" in found.findings[0].text


def test_other_labels_of_matlab_that_count_from_one_keep_their_numbers_as_names(tmp_path: Path):
    savemat(tmp_path / "x.mat", {"images": IMAGES, "labels": (LABELS + 1)[:, None]})

    found = read_dataset(tmp_path / "x.mat")

    assert found.class_names == ("1", "2", "3", "4")
    assert set(found.y_train) == {0, 1, 2, 3}
    assert found.findings[0].kind == "labels_from_1"


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": IMAGES}, r"expected images as X and their classes as y, both numbers, found a \(uint8\)"),
        ({"X": IMAGES, "y": "text"}, r"y \(char\)"),
        ({"X": IMAGES, "y": np.zeros((4, 10))}, r"expected a label for each image, \[size, 1\], found \[4, 10\]"),
    ],
)
def test_a_matlab_file_without_images_and_labels_tells_what_it_holds(tmp_path: Path, arrays, said: str):
    savemat(tmp_path / "x.mat", arrays)

    with pytest.raises(DatasetError, match=said):
        read_dataset(tmp_path / "x.mat")


def test_a_matlab_file_of_version_7_3_is_told_how_to_be_saved(tmp_path: Path):
    (tmp_path / "x.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n")

    with pytest.raises(DatasetError, match=r"version 7\.3, .* save it with -v7"):
        read_dataset(tmp_path / "x.mat")


def test_options_for_image_files_are_refused_for_arrays(tmp_path: Path):
    write_npy(tmp_path, x_train=IMAGES, y_train=LABELS)

    with pytest.raises(DatasetError, match="holds arrays, and --image-size and --skip-damaged are for image files"):
        read_dataset(tmp_path, options=FileOptions(image_size=(4, 4)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(["npy", "mat", "mat, compressed", "idx"]))
def test_damaged_files_of_arrays_are_read_or_refused_in_a_sentence(tmp_path: Path, data: st.DataObject, kind: str):
    folder = tmp_path / kind
    folder.mkdir(exist_ok=True)
    if kind == "npy":
        path = write_npy(folder, x_train=IMAGES, y_train=LABELS) / "x_train.npy"
    elif kind == "idx":
        path = folder / "train-images-idx3-ubyte"
        write_idx(path, IMAGES)
        write_idx(folder / "train-labels-idx1-ubyte", LABELS)
    else:
        path = folder / "x.mat"
        savemat(path, {"X": IMAGES, "y": LABELS[:, None]}, do_compression=kind != "mat")
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(300, len(damaged) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged)

    outcome = str(path)
    try:
        read_dataset(path)
    except DatasetError as error:
        outcome = str(error)

    assert str(folder) in outcome
