import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.worker.training import batches_in_order
from deepchord.worker.training.batches import EpochBatches, augmented, learning_rate

SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16, "epochs": 4}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 1, **changes})


@pytest.fixture
def numbered() -> Dataset:
    """A hundred images of 6x5 pixels whose every pixel says the image's index, and so does its label."""
    pixels = np.repeat(np.arange(100, dtype=np.uint8), 30).reshape(100, 6, 5, 1)
    labels = np.arange(100)
    return Dataset(name="numbers", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels, class_names=("a", "b"))


# The batches of an epoch


def test_every_image_of_the_split_is_in_one_batch_with_its_label(numbered: Dataset):
    indices = np.arange(0, 80, 2)

    batches = list(EpochBatches(numbered, indices, recipe(), SEEDS, 1))

    assert [len(batch.images) for batch in batches] == [16, 16, 8]
    assert len(EpochBatches(numbered, indices, recipe(), SEEDS, 1)) == 3
    assert sorted(label for batch in batches for label in batch.labels) == indices.tolist()
    for batch in batches:
        assert batch.images.dtype == np.float32
        np.testing.assert_allclose(batch.images[:, 0, 0, 0] * 255, batch.labels, rtol=1e-6)


def test_an_epoch_is_the_same_each_time_and_another_epoch_is_another(numbered: Dataset):
    def epoch(number: int) -> list[np.ndarray]:
        how = recipe(flip=True, shift=1, cutout=2)
        return [batch.images for batch in EpochBatches(numbered, np.arange(64), how, SEEDS, number)]

    np.testing.assert_array_equal(epoch(2), epoch(2))
    assert not np.array_equal(epoch(1), epoch(2))


def test_batches_in_order_leave_images_as_they_stand():
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)

    batches = list(batches_in_order(images, np.arange(10), 4, 0.5))

    assert [batch.labels.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {batch.learning_rate for batch in batches} == {0.5}


# The learning rate


def test_a_constant_rate_stays():
    assert {learning_rate(recipe(), step, 100) for step in range(100)} == {0.1}


def test_one_cycle_rises_from_a_25th_to_the_highest_and_falls_to_almost_nothing():
    rates = [learning_rate(recipe(schedule="one_cycle"), step, 1000) for step in range(1000)]

    assert rates[0] == pytest.approx(0.1 / 25)
    assert max(rates) == rates[300] == pytest.approx(0.1)
    assert rates[:301] == sorted(rates[:301])
    assert rates[300:] == sorted(rates[300:], reverse=True)
    assert 0 < rates[-1] < 1e-6


@given(st.integers(1, 50))
def test_one_cycle_is_a_rate_for_every_step_of_any_training(steps: int):
    rates = [learning_rate(recipe(schedule="one_cycle"), step, steps) for step in range(steps)]

    assert all(0 < rate <= 0.1 for rate in rates)


def test_the_schedule_goes_on_from_epoch_to_epoch(numbered: Dataset):
    how = recipe(schedule="one_cycle")

    rates = [
        batch.learning_rate
        for epoch in range(1, 5)
        for batch in EpochBatches(numbered, np.arange(100), how, SEEDS, epoch)
    ]

    assert rates == [learning_rate(how, step, 28) for step in range(28)]


# Augmentation


def test_without_augmentation_images_stay_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (8, 5, 4, 3), dtype=np.uint8)

    np.testing.assert_array_equal(augmented(images, recipe(), np.random.default_rng(1)), images)


def test_about_half_of_the_images_are_mirrored_left_to_right():
    images = np.random.default_rng(0).integers(0, 256, (400, 5, 4, 3), dtype=np.uint8)

    found = augmented(images, recipe(flip=True), np.random.default_rng(1))

    mirrored = [np.array_equal(image, original[:, ::-1]) for image, original in zip(found, images, strict=True)]
    as_before = [np.array_equal(image, original) for image, original in zip(found, images, strict=True)]
    assert all(one != other for one, other in zip(mirrored, as_before, strict=True))
    assert 150 < sum(mirrored) < 250


def test_images_are_shifted_by_at_most_so_many_pixels_and_what_is_uncovered_is_zero():
    images = np.random.default_rng(0).integers(1, 256, (200, 7, 6, 2), dtype=np.uint8)

    found = augmented(images, recipe(shift=2), np.random.default_rng(1))

    assert found.shape == images.shape
    assert found.dtype == np.uint8
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifts = []
    for number, image in enumerate(found):
        fitting = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(image, padded[number, down : down + 7, right : right + 6])
        ]
        assert len(fitting) == 1
        shifts += fitting
    assert len(set(shifts)) == 25


def test_a_square_around_any_pixel_is_set_to_zero_in_each_image():
    images = np.random.default_rng(0).integers(1, 256, (600, 7, 6, 2), dtype=np.uint8)

    found = augmented(images, recipe(cutout=3), np.random.default_rng(1))

    assert found.dtype == np.uint8
    squares = set()
    for image, original in zip(found, images, strict=True):
        hidden = (image == 0).all(axis=2)
        np.testing.assert_array_equal(image[~hidden], original[~hidden])
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        squares.add((rows[0], rows[-1], columns[0], columns[-1]))
    sides = {(last - first + 1, right - left + 1) for first, last, left, right in squares}
    assert sides == {(2, 2), (2, 3), (3, 2), (3, 3)}
    assert len(squares) == 7 * 6
