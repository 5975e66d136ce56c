"""Mixes the images of a batch with each other, and their labels alike: mixup and CutMix."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Recipe
from deepchord.worker.engines import Images, Labels, Probabilities
from deepchord.worker.training.augmentation.rectangles import pasted

Floats = NDArray[np.float32]


class LabelledImages(NamedTuple):
    """Images as a network takes them, what it is to say of them, and how much they count."""

    #: float32 [size, ...].
    images: Images
    #: Class indices [size], or probabilities [size, classes].
    labels: Labels | Probabilities
    #: float32 [size]; None: all count alike.
    weights: Floats | None = None


def mixed(batch: LabelledImages, recipe: Recipe, classes: int, generator: np.random.Generator) -> LabelledImages:
    """Return a batch in which each image is mixed with another one of the batch, and so are labels and weights.

    The loss of a mixed image is that of its two labels, each with its own weight, in the shares of the mixture (Zhang
    et al. 2018, section 2; Yun et al. 2019, equation 1).

    Args:
        batch: What is mixed.
        recipe: Says whether and how: `mixup`, `cutmix`. With both, the batch draws one of them.
        classes: The number of classes.
        generator: What partners and shares are drawn with.
    """
    if not (recipe.mixup or recipe.cutmix):
        return batch
    pastes = bool(recipe.cutmix) and (not recipe.mixup or generator.random() < 0.5)
    partners = generator.permutation(len(batch.images))
    alpha = recipe.cutmix if pastes else recipe.mixup
    shares = generator.beta(alpha, alpha, len(partners)).astype(np.float32)
    if pastes:
        images, shares = pasted(batch.images, batch.images[partners], shares, generator)
    else:
        images = _between(batch.images, batch.images[partners], shares)
    labels = _probabilities(batch.labels, classes)
    if batch.weights is None:
        return LabelledImages(images, _between(labels, labels[partners], shares))
    weights = batch.weights
    counted = labels * weights[:, None]
    counted, weights = (_between(each, each[partners], shares) for each in (counted, weights))
    # A mixture that does not count at all has any label.
    is_nothing = weights <= 0
    divided = counted / np.where(is_nothing, np.float32(1), weights)[:, None]
    return LabelledImages(images, np.where(is_nothing[:, None], labels, divided), weights)


def _between(ones: Floats, others: Floats, shares: Floats) -> Floats:
    """Return the shares [size] of the first arrays [size, ...] plus the rest of the others."""
    kept = shares.reshape(-1, *[1] * (ones.ndim - 1))
    return ones * kept + others * (1 - kept)


def _probabilities(labels: Labels | Probabilities, classes: int) -> NDArray[np.float32]:
    """Return class indices [size] as probabilities [size, classes], and probabilities as they are."""
    if labels.ndim == 2:
        return labels.astype(np.float32)
    return np.eye(classes, dtype=np.float32)[labels]
