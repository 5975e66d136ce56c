"""The batches of an epoch, made one at a time: shuffled, augmented, scaled, each with its learning rate."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.images import scaled
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.worker.engines import Batch, Images, Labels, Probabilities

#: The one-cycle schedule: in which share of all steps the rate rises, and which part of the highest rate it starts at.
_RISING = 0.3
_FIRST_PART = 1 / 25


class EpochBatches:
    """The batches of one epoch of one member; they depend on the arguments only, so they can be made again anywhere."""

    def __init__(
        self,
        dataset: Dataset,
        indices: NDArray[np.int64],
        recipe: Recipe,
        seeds: MemberSeeds,
        epoch: int,
        targets: Probabilities | None = None,
    ) -> None:
        """Create the batches of an epoch.

        Args:
            dataset: Train images and labels are used.
            indices: The member's training split, [size].
            recipe: How the member is trained.
            seeds: The member's random streams; the one for shuffling also decides the augmentation.
            epoch: Counted from 1.
            targets: What the network is to say of each training image, [train_size, classes], also when it is changed;
                None: the labels.
        """
        self._labels = dataset.y_train if targets is None else targets
        self._dataset = dataset
        self._order = indices[np.random.default_rng((seeds.shuffling, epoch - 1)).permutation(len(indices))]
        self._recipe = recipe
        self._augmentation_seed = (seeds.shuffling, epoch - 1, 1)
        self._steps_before = (epoch - 1) * len(self)

    def __len__(self) -> int:
        """Return the number of batches; the last one may be smaller than the others."""
        return -(-len(self._order) // self._recipe.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, each made when it is asked for."""
        generator = np.random.default_rng(self._augmentation_seed)
        size, steps = self._recipe.batch_size, self._recipe.epochs * len(self)
        for step in range(len(self)):
            rows = self._order[step * size : (step + 1) * size]
            images = augmented(self._dataset.x_train[rows], self._recipe, generator)
            rate = learning_rate(self._recipe, self._steps_before + step, steps)
            yield Batch(scaled(images), self._labels[rows], rate)


def batches_in_order(images: Images, labels: Labels, size: int, learning_rate: float) -> Iterator[Batch]:
    """Yield images [count, height, width, channels] and labels [count] in their order, in batches of `size`."""
    for start in range(0, len(images), size):
        yield Batch(images[start : start + size], labels[start : start + size], learning_rate)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    `one_cycle` rises along half a cosine and falls along another (Smith and Topin 2017, with the shape of fastai).

    Args:
        recipe: Has the schedule and the learning rate, for `one_cycle` the highest one.
        step: Counted from 0 over the whole training.
        steps: The number of steps in all epochs.
    """
    highest = recipe.learning_rate
    if recipe.schedule == "constant":
        return highest
    top = _RISING * steps
    if step < top:
        return highest * (_FIRST_PART + (1 - _FIRST_PART) * _half_cosine(step / top))
    return highest * (1 - _half_cosine((step - top) / (steps - top)))


def augmented(images: NDArray[np.generic], recipe: Recipe, generator: np.random.Generator) -> NDArray[np.generic]:
    """Return images [size, height, width, channels], each changed at random as the recipe says.

    An image is mirrored with a probability of one half, shifted (uncovered pixels are zero), and one square of it is
    set to zero (DeVries and Taylor 2017, "cutout").
    """
    if recipe.flip:
        mirrored = generator.random(len(images)) < 0.5
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    if recipe.shift:
        images = _shifted(images, recipe.shift, generator)
    if recipe.cutout:
        images = _cut_out(images, recipe.cutout, generator)
    return images


def _shifted(images: NDArray[np.generic], most: int, generator: np.random.Generator) -> NDArray[np.generic]:
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = generator.integers(0, 2 * most + 1, (2, len(images)))
    # [size, channels, height, width], as windows are laid out.
    return np.moveaxis(windows[np.arange(len(images)), down, right], 1, -1)


def _cut_out(images: NDArray[np.generic], side: int, generator: np.random.Generator) -> NDArray[np.generic]:
    """Set a square to zero in each image. Its middle may be any pixel, so it may extend beyond the edge."""
    hidden = []
    for length in images.shape[1:3]:
        starts = generator.integers(0, length, len(images)) - side // 2
        pixels = np.arange(length) - starts[:, None]
        hidden.append((pixels >= 0) & (pixels < side))
    rows, columns = hidden
    return np.where((rows[:, :, None] & columns[:, None, :])[..., None], images.dtype.type(0), images)


def _half_cosine(share: float) -> float:
    """Return 0 at 0 and 1 at 1, level at both ends."""
    return (1 - math.cos(math.pi * share)) / 2
