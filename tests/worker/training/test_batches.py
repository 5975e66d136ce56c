from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.worker.engines import Batch
from deepchord.worker.training import EpochBatches, TrainingImages, batches_in_order
from deepchord.worker.training.schedules import learning_rate

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


def epoch_of(
    dataset: Dataset, how: Recipe, epoch: int = 1, size: int = 100, losses: Sequence[float] = (), **changes: object
) -> list[Batch]:
    images = TrainingImages(dataset=dataset, indices=np.arange(size), **{"labels": dataset.y_train, **changes})
    return list(EpochBatches(images, how, SEEDS, epoch, losses))


# The batches of an epoch


def test_every_image_of_the_split_is_in_one_batch_with_its_label(numbered: Dataset):
    indices = np.arange(0, 80, 2)

    epoch = EpochBatches(TrainingImages(dataset=numbered, indices=indices, labels=numbered.y_train), recipe(), SEEDS, 1)
    batches = list(epoch)

    assert [len(batch.images) for batch in batches] == [16, 16, 8]
    assert len(epoch) == 3
    assert sorted(label for batch in batches for label in batch.labels) == indices.tolist()
    for batch in batches:
        assert batch.images.dtype == np.float32
        np.testing.assert_allclose(batch.images[:, 0, 0, 0] * 255, batch.labels, rtol=1e-6)


def test_an_epoch_is_the_same_each_time_and_another_epoch_is_another(numbered: Dataset):
    def epoch(number: int) -> list[np.ndarray]:
        how = recipe(flip=True, shift=1, cutout=2, rotation=10, noise=0.1, rand_augment=1, mixup=0.5, cutmix=0.5)
        return [batch.images for batch in epoch_of(replace(numbered, y_train=np.arange(100) % 2), how, number, 64)]

    np.testing.assert_array_equal(epoch(2), epoch(2))
    assert not np.array_equal(epoch(1), epoch(2))


def test_batches_in_order_leave_images_as_they_stand():
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)

    batches = list(batches_in_order(images, np.arange(10), 4, 0.5))

    assert [batch.labels.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {batch.learning_rate for batch in batches} == {0.5}


# The learning rate


def test_the_schedule_goes_on_from_epoch_to_epoch(numbered: Dataset):
    how = recipe(schedule="one_cycle")

    rates = [batch.learning_rate for epoch in range(1, 5) for batch in epoch_of(numbered, how, epoch)]

    assert rates == [learning_rate(how, step, 28) for step in range(28)]


def test_a_plateau_of_the_epochs_before_lowers_the_rate(numbered: Dataset):
    how = recipe(schedule="reduce_on_plateau", plateau_patience=2, decay_factor=0.5)

    found = [
        {batch.learning_rate for batch in epoch_of(numbered, how, 4, losses=losses)}
        for losses in ((0.5, 0.4, 0.3), (0.5, 0.6, 0.5), (0.5, 0.4, 0.4))
    ]

    assert found == [{0.1}, {0.05}, {0.1}]


# What images are to be called, and how much they count


def test_mixed_images_have_mixed_labels_of_every_class(numbered: Dataset):
    two = replace(numbered, y_train=numbered.y_train % 2)

    for batch in epoch_of(two, recipe(mixup=1.0)):
        assert batch.labels.shape == (len(batch.images), 2)
        np.testing.assert_allclose(batch.labels.sum(axis=1), 1, atol=1e-6)
        assert ((batch.labels > 0.01) & (batch.labels < 0.99)).any()
        # Each pixel says its image's number, so that the mean of a mixture is that of both numbers.
        assert batch.images.std(axis=(1, 2, 3)).max() < 1e-6


def test_probabilities_that_stand_for_labels_are_mixed_too(numbered: Dataset):
    targets = np.random.default_rng(0).dirichlet(np.ones(2), 100).astype(np.float32)

    (batch, *_) = epoch_of(numbered, recipe(cutmix=1.0), labels=targets)

    assert not np.isin(batch.labels, targets).all()
    np.testing.assert_allclose(batch.labels.sum(axis=1), 1, atol=1e-6)


def test_without_class_weights_a_batch_has_none(numbered: Dataset):
    assert {batch.weights for batch in epoch_of(numbered, recipe())} == {None}


def test_each_image_has_the_weight_of_its_own_class_whatever_it_is_to_be_called(numbered: Dataset):
    two = replace(numbered, y_train=np.repeat([0, 1], [80, 20]))
    targets = np.full((100, 2), 0.5, np.float32)

    for changes in ({}, {"labels": targets}):
        for batch in epoch_of(two, recipe(class_weights={"b": 3, "0": 0.5}), **changes):
            numbers = np.rint(batch.images[:, 0, 0, 0] * 255)
            np.testing.assert_array_equal(batch.weights, np.where(numbers < 80, np.float32(0.5), np.float32(3)))


def test_an_image_counts_by_its_own_weight_times_that_of_its_class(numbered: Dataset):
    weighted = replace(numbered, y_train=np.arange(100) % 2, sample_weights_train=np.arange(100, dtype=np.float32))

    for class_weights, factors in ((None, (1, 1)), ({"b": 3}, (1, 3))):
        for batch in epoch_of(weighted, recipe(class_weights=class_weights)):
            numbers = np.rint(batch.images[:, 0, 0, 0] * 255).astype(int)
            np.testing.assert_allclose(batch.weights, numbers * np.array(factors)[numbers % 2])


def test_a_mixture_of_two_classes_teaches_each_with_its_own_weight(numbered: Dataset):
    two = replace(numbered, y_train=np.repeat([0, 1], 50))
    how = recipe(mixup=1.0)

    weighted = epoch_of(two, how.model_copy(update={"class_weights": {"a": 1.0, "b": 10.0}}))

    for batch, alike in zip(weighted, epoch_of(two, how), strict=True):
        np.testing.assert_array_equal(batch.images, alike.images)
        np.testing.assert_allclose(batch.labels * batch.weights[:, None], alike.labels * [1, 10], rtol=1e-5)


def test_a_mixture_of_classes_that_do_not_count_does_not_count(numbered: Dataset):
    two = replace(numbered, y_train=np.repeat([0, 1], 50))

    for batch in epoch_of(two, recipe(mixup=1.0, class_weights={"a": 0.0})):
        assert np.isfinite(batch.labels).all()
        np.testing.assert_allclose(batch.labels.sum(axis=1), 1, atol=1e-6)
