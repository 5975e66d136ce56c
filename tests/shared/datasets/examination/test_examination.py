import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.datasets import Dataset, all_findings, examine, value_findings, warn_of
from deepchord.shared.messages import DatasetFinding, StratifiedSplit

DRAWN = np.random.default_rng(0).integers(0, 256, (60, 5, 5, 1), dtype=np.uint8)


def dataset(**changes: object) -> Dataset:
    """Return a data set with nothing to find: 20 training images and 10 test images of each of two classes."""
    parts = {
        "name": "drawn",
        "x_train": DRAWN[:40],
        "y_train": np.arange(40) % 2,
        "x_test": DRAWN[40:],
        "y_test": np.arange(20) % 2,
        "class_names": ("cat", "dog"),
    }
    return Dataset(**(parts | changes))


def kinds(looked_at: Dataset) -> list[str]:
    return [finding.kind for finding in all_findings(looked_at)]


def floats(largest: float) -> Dataset:
    images = DRAWN / np.float32(255) * largest
    return dataset(x_train=images[:40], x_test=images[40:])


def few_bits(largest: int) -> Dataset:
    images = DRAWN % (largest + 1)
    return dataset(x_train=images[:40], x_test=images[40:])


def test_there_is_nothing_to_find_where_all_is_well():
    assert all_findings(dataset()) == ()


@pytest.mark.parametrize(("largest", "found"), [(1.0, []), (3.5, []), (255.0, ["not_scaled"])])
def test_large_floats_are_found(largest: float, found: list[str]):
    assert kinds(floats(largest)) == found


@pytest.mark.parametrize(("largest", "found"), [(1, True), (16, True), (200, False)])
def test_whole_numbers_of_a_few_bits_are_found(largest: int, found: bool):
    assert ("scaled_to_little" in kinds(few_bits(largest))) == found


def test_another_range_in_the_test_is_found():
    assert "other_range" in kinds(replace(floats(1), x_test=floats(255).x_test))


def test_labels_that_count_from_one_are_found():
    ones = dataset(y_train=np.arange(40) % 2 + 1, y_test=np.arange(20) % 2 + 1, class_names=("0", "1", "2"))

    (finding,) = all_findings(ones)

    assert finding.text == "No training image has the label 0 (1 of 3 classes); labels count from 0."


def test_a_class_without_test_images_and_one_with_few_training_images_are_named():
    skewed = dataset(y_train=np.array([0] * 33 + [1] * 7), y_test=np.zeros(20, np.int64))

    untested, few = all_findings(skewed)

    assert untested.text == "No test image is of class dog: nothing is measured there."
    assert few.text.startswith("Only 7 training images are of class dog")


def test_images_of_one_value_and_black_ones_are_counted():
    images = DRAWN[:40].copy()
    images[3], images[5] = 0, 77

    (finding,) = all_findings(dataset(x_train=images))

    assert finding.text.startswith("2 training images are of one value all over, 1 of them all black")


def test_test_images_that_are_training_images_are_a_warning():
    leaking = dataset(x_test=np.concatenate([DRAWN[:3], DRAWN[43:]]), y_test=np.arange(20) % 2)

    (finding,) = all_findings(leaking)

    assert (finding.kind, finding.level) == ("overlap", "warning")
    assert finding.text.startswith("3 of 20 test images are training images, too")
    assert "another class" not in finding.text
    assert (
        "1 of them has another class there"
        in all_findings(replace(leaking, y_test=np.array([1, *range(1, 20)]) % 2))[0].text
    )


def test_copies_within_the_training_are_noted_and_those_of_another_class_warned_of():
    images = DRAWN[:40].copy()
    images[2], images[5] = images[0], images[0]

    warning, noted = all_findings(dataset(x_train=images))

    assert warning.text == "1 training image occurs with several classes; each copy counts."
    assert noted.text == "2 training images are equal to an earlier one; each copy counts."


@given(copies=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 19)), max_size=8))
def test_copies_are_counted_as_by_comparing_each_with_each(copies):
    images = DRAWN[40:].copy()
    for train, test in copies:
        images[test] = DRAWN[train]
    expected = sum(any((image == other).all() for other in DRAWN[:40]) for image in images)

    assert examine(dataset(x_test=images)).test_images_in_train == expected


def test_what_is_not_square_and_how_the_test_was_drawn_is_noted():
    wide = dataset(x_train=DRAWN[:40, :4], x_test=DRAWN[40:, :4], split=StratifiedSplit(share=0.25, seed=3))

    assert [finding.level for finding in all_findings(wide)] == ["note", "note"]
    assert all_findings(wide)[1].text == (
        "No test images were given: 20 were drawn, about 25% of each class, with the seed 3."
    )


def test_an_examination_counts_and_measures():
    found = examine(dataset())

    assert (found.train.size, found.train.shape, found.test.size) == (40, (5, 5, 1), 20)
    assert found.train.mean == pytest.approx(DRAWN[:40].mean())
    assert found.train.standard_deviation == pytest.approx(DRAWN[:40].std())
    assert [(each.name, each.train, each.test) for each in found.classes] == [("cat", 20, 10), ("dog", 20, 10)]


def test_warnings_are_logged_a_line_each_and_notes_are_not(caplog: pytest.LogCaptureFixture):
    noted = DatasetFinding(kind="scaled", level="note", text="It was scaled.")

    with caplog.at_level(logging.INFO):
        warn_of([noted, *value_findings(floats(255))], "mine")

    assert [record.action for record in caplog.records] == ["dataset_not_scaled"]
    assert "mine: Images are floats as large as 255" in caplog.text
