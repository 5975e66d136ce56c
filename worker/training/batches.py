"""The batches of an epoch, made one at a time: shuffled, augmented, scaled, each with its learning rate."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.files import is_mapped, read_at_random, will_read
from deepchord.shared.images import scaled
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.worker.engines import Batch, Images, Labels
from deepchord.worker.training.augmentation import LabelledImages, augmented, mixed, value_range
from deepchord.worker.training.class_weights import class_weights
from deepchord.worker.training.prefetching import prefetched
from deepchord.worker.training.schedules import learning_rate

#: The system begins to read the images of a batch so many batches before it is made: its images lie at random places of
#: a disk, which reads many of them at a time much faster than one after the other.
_BATCHES_AHEAD = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingImages:
    """What a member is trained on, the same in each epoch."""

    #: Training images and their weights are used, and the labels for the weights of classes.
    dataset: Dataset
    #: The member's training split, [size].
    indices: NDArray[np.int64]
    #: What the network is to say of each training image, also when it is changed: class indices [train_size],
    #: probabilities [train_size, classes], standardised numbers [train_size, targets], or their means and variances
    #: [train_size, 2 targets], or 1 for labels that apply and else 0, [train_size, labels].
    labels: NDArray[Any]


class EpochBatches:
    """The batches of one epoch of one member; they depend on the arguments only, so they can be made again anywhere."""

    def __init__(
        self,
        images: TrainingImages,
        recipe: Recipe,
        seeds: MemberSeeds,
        epoch: int,
        validation_losses: Sequence[float] = (),
    ) -> None:
        """Create the batches of an epoch.

        Args:
            images: The images, their labels and the member's training split.
            recipe: How the member is trained.
            seeds: The member's random streams; the one for shuffling also decides the augmentation.
            epoch: Counted from 1.
            validation_losses: Those of the epochs before.
        """
        dataset, indices = images.dataset, images.indices
        self._images, self._classes = dataset.x_train, len(dataset.class_names)
        self._labels = images.labels
        self._order = indices[np.random.default_rng((seeds.shuffling, epoch - 1)).permutation(len(indices))]
        self._recipe = recipe
        self._values = value_range(dataset.pixels)
        self._weights = _image_weights(images, recipe)
        self._augmentation_seed = (seeds.shuffling, epoch - 1, 1)
        self._steps_before = (epoch - 1) * len(self)
        self._validation_losses = validation_losses

    def __len__(self) -> int:
        """Return the number of batches; the last one may be smaller than the others."""
        return -(-len(self._order) // self._recipe.batch_size)

    def __iter__(self) -> Generator[Batch, None, None]:
        """Yield the batches, each made when it is asked for; of images in files some are made ahead, in a thread."""
        return prefetched(self._batches()) if is_mapped(self._images) else self._batches()

    def _batches(self) -> Generator[Batch, None, None]:
        generator = np.random.default_rng(self._augmentation_seed)
        size, steps = self._recipe.batch_size, self._recipe.epochs * len(self)
        read_at_random(self._images)
        will_read(self._images, self._order[: _BATCHES_AHEAD * size])
        for step in range(len(self)):
            rows = self._order[step * size : (step + 1) * size]
            ahead = step + _BATCHES_AHEAD
            will_read(self._images, self._order[ahead * size : (ahead + 1) * size])
            images = augmented(self._images[rows], self._recipe, self._values, generator)
            weights = None if self._weights is None else self._weights[rows]
            labelled = LabelledImages(scaled(images), self._labels[rows], weights)
            labelled = mixed(labelled, self._recipe, self._classes, generator)
            rate = learning_rate(self._recipe, self._steps_before + step, steps, self._validation_losses)
            yield Batch(labelled.images, labelled.labels, rate, labelled.weights)


def batches_in_order(images: Images, labels: Labels, size: int, learning_rate: float) -> Iterator[Batch]:
    """Yield images [count, height, width, channels] and labels [count] in their order, in batches of `size`."""
    for start in range(0, len(images), size):
        yield Batch(images[start : start + size], labels[start : start + size], learning_rate)


def _image_weights(images: TrainingImages, recipe: Recipe) -> NDArray[np.float32] | None:
    """Return how much each training image counts, float32 [train_size], by its class and by itself; None: all alike."""
    dataset = images.dataset
    by_class = class_weights(recipe, dataset.y_train[images.indices], dataset.class_names)
    if by_class is None:
        return dataset.sample_weights_train
    weights: NDArray[np.float32] = by_class[dataset.y_train]
    return weights if dataset.sample_weights_train is None else weights * dataset.sample_weights_train
