"""The test from a file or folder of its own: its classes are those of the training, by their names."""

from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import Dataset, FileOptions, Places, all_findings, examine, find_dataset
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError
from tests.shared.datasets.image_files.pictures import write_classes, write_picture

IMAGES = np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4)
LABELS = np.arange(12) % 3
NAMES = np.array(["cat", "dog", "ant"])


def saved(path: Path, x: np.ndarray, y: object, **others: object) -> Path:
    np.savez(path, x_train=x, y_train=y, **others)
    return path


def read(path: Path, test: Path, **options: object) -> Dataset:
    return read_dataset(path, options=FileOptions(test=str(test), **options))


def test_all_images_of_another_archive_are_the_test_and_their_classes_are_found_by_name(tmp_path: Path):
    train = saved(tmp_path / "train.npz", IMAGES, LABELS, class_names=NAMES)
    test = saved(tmp_path / "test.npz", IMAGES[:4] + 1, [1, 0, 0, 1], class_names=NAMES[:2][::-1])

    found = read(train, test)

    assert (found.class_names, found.split, found.test_name) == (tuple(NAMES), None, "test.npz")
    np.testing.assert_array_equal(found.x_train[..., 0], IMAGES)
    np.testing.assert_array_equal(found.x_test[..., 0], IMAGES[:4] + 1)
    assert found.y_test.tolist() == [0, 1, 1, 0]
    assert all_findings(found)[-1].text == "The test images are those of test.npz, which was given for the test."


def test_of_an_archive_with_a_test_of_its_own_only_that_is_the_test(tmp_path: Path):
    train = saved(tmp_path / "train.npz", IMAGES, LABELS)
    test = saved(tmp_path / "both.npz", IMAGES, LABELS, x_test=IMAGES[:1], y_test=[2])

    found = read(train, test)

    assert (len(found.x_test), found.y_test.tolist()) == (1, [2])
    with pytest.raises(DatasetError, match=r"both\.npz says itself what is for the test, and --test gives .*train"):
        read(test, train)


@pytest.mark.parametrize(
    ("x", "y", "others", "sentence"),
    [
        (IMAGES, LABELS, {"class_names": ["cat", "dog", "bee"]}, "has the class bee, and .*train.npz cat, dog, ant: a"),
        (IMAGES[:, :3], LABELS, {}, "images of x_train are 4x4x1 .*, those of x_test 3x4x1"),
        (IMAGES.astype(float), LABELS, {}, "x_train holds uint8 and x_test float"),
        (IMAGES, LABELS + 1, {}, "y_test holds the label 3, beyond those of y_train"),
        (IMAGES, LABELS, {"target_names": ["price"]}, "train.npz is of classes, and .*test.npz of numbers to predict"),
        (np.zeros((3, 5)), [0, 1, 2], {}, "train.npz holds images, and .*test.npz rows of a table: give images"),
    ],
)
def test_what_does_not_fit_the_training_is_refused(tmp_path: Path, x, y, others: dict, sentence: str):
    train = saved(tmp_path / "train.npz", IMAGES, LABELS, class_names=NAMES)
    test = saved(tmp_path / "test.npz", x, y, **{name: np.array(each) for name, each in others.items()})

    with pytest.raises(DatasetError, match=sentence):
        read(train, test)


def test_numbers_to_predict_have_a_test_of_their_own_too(tmp_path: Path):
    train = saved(tmp_path / "train.npz", IMAGES, LABELS / 3, target_names=np.array(["price"]))
    test = saved(tmp_path / "test.npz", IMAGES[:2], [0.5, 0.75], target_names=np.array(["price"]))
    other = saved(tmp_path / "other.npz", IMAGES[:2], [0.5, 0.75], target_names=np.array(["size"]))

    assert read(train, test).y_test[:, 0].tolist() == [0.5, 0.75]
    with pytest.raises(DatasetError, match=r"train\.npz is of the numbers price, and .*other\.npz of size"):
        read(train, other)


def test_a_folder_with_some_of_the_classes_is_read_as_that_of_the_training(tmp_path: Path):
    write_picture(write_classes(tmp_path / "train", 4) / "cat" / "colours.png", channels=3)
    write_classes(tmp_path / "test", 2, ("dog",))
    write_classes(tmp_path / "strange", 1, ("bird",))

    found = read(tmp_path / "train", tmp_path / "test", image_size=(3, 5))

    assert (found.x_train.shape, found.x_test.shape) == ((9, 3, 5, 3), (2, 3, 5, 3))
    assert (found.class_names, found.y_test.tolist(), found.test_name) == (("cat", "dog"), [1, 1], "test")
    with pytest.raises(DatasetError, match=r"has the class bird, and .*train cat, dog"):
        read(tmp_path / "train", tmp_path / "strange", image_size=(3, 5))


def test_rows_of_an_archive_are_prepared_as_those_of_the_training(tmp_path: Path):
    rows = np.random.default_rng(0).normal(size=(30, 3))
    train = saved(tmp_path / "train.npz", rows, np.arange(30) % 2, class_names=np.array(["no", "yes"]))
    test = saved(tmp_path / "test.npz", rows[:5], [0, 0, 1, 1, 1], class_names=np.array(["yes", "no"]))

    found = read(train, test)

    np.testing.assert_array_equal(found.x_test, found.x_train[:5])
    assert found.y_test.tolist() == [1, 1, 0, 0, 0]
    with pytest.raises(DatasetError, match=r"train\.npz is an \.npz of rows, and .*images\.npz is none"):
        read(train, saved(tmp_path / "images.npz", IMAGES, LABELS))


TABLE = "id,size,colour,kind\n" + "".join(f"{row},{row / 7:.2f},0{row % 3},{'ab'[row % 2]}\n" for row in range(40))


def test_rows_of_another_table_have_the_columns_of_the_training_in_any_order(tmp_path: Path):
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / "test.csv").write_text("kind,more,colour,size\nb,x,00,1.14\nb,y,01,\n")

    found = read(tmp_path / "train.csv", tmp_path / "test.csv", target="kind")

    assert (len(found.x_train), found.y_test.tolist(), found.split) == (40, [1, 1], None)
    assert np.isfinite(found.x_test).all()
    assert [(column.name, column.missing_test) for column in examine(found).columns] == [
        ("id", 2),
        ("size", 1),
        ("colour", 0),
    ]
    texts = [finding.text for finding in all_findings(found)]
    assert "The test has columns that the training has not, and that are not used: more." in texts
    assert texts[-1] == "The test rows are those of test.csv, which was given for the test."


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("test.csv", "size,colour\n1,00\n", "test.csv has no column 'kind', which is predicted"),
        ("test.csv", "size,kind\n1,a\n", "test.csv has no column 'colour', with which the networks were trained"),
        ("test.csv", "size,colour,kind\n1,00,c\n", r"test.csv: row 1, column 'kind' holds 'c', which is no class of"),
        ("test.csv", "size,colour,kind\nwide,00,a\n", "test.csv: row 1, column 'size' holds 'wide'; expected a number"),
        ("test.npz", "", r"train\.csv is a table, and .*test\.npz is none: give the test as a table"),
    ],
)
def test_rows_that_do_not_fit_the_training_are_refused_with_their_place(
    tmp_path: Path, name: str, content: str, sentence: str
):
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / name).write_text(content)

    with pytest.raises(DatasetError, match=sentence):
        read(tmp_path / "train.csv", tmp_path / name, target="kind")


def test_a_test_that_is_not_there_or_has_no_use_is_refused(tmp_path: Path):
    train = saved(tmp_path / "train.npz", IMAGES, LABELS)

    with pytest.raises(DatasetError, match=r"There is no file .*none\.npz, which was given with --test"):
        read(train, tmp_path / "none.npz")
    with pytest.raises(DatasetError, match="Data set 'digits' has test images of its own: leave --test out"):
        find_dataset("digits", Places(keras_home=tmp_path), options=FileOptions(test=str(train)))
