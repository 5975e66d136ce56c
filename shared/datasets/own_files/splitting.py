"""Draws test images where none are given: a seeded share of each class."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError


def stratified_split(classes: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which images are kept for the test: about the share of each class, and never all images of one.

    Args:
        classes: A number for each image [size], its class.
        share: The share to keep, between 0 and 1.
        seed: Seeds the draw.

    Returns:
        [size], true for the test.

    Raises:
        DatasetError: No class has two images.
    """
    generator, size = np.random.default_rng(seed), len(classes)
    # Sorted by class, every so many-th image is kept: the shares of the classes stay.
    order = np.lexsort((generator.random(size), classes))
    kept = np.zeros(size, dtype=bool)
    count = min(size - 1, max(1, round(share * size)))
    kept[order[np.floor((np.arange(count) + 0.5) * size / max(1, count)).astype(int)]] = True
    for code in np.unique(classes[kept]):
        if kept[classes == code].all():
            kept[np.flatnonzero(classes == code)[0]] = False
    if not kept.any():
        # Those that were drawn are the only ones of their classes: one of another class takes their place.
        _, position, sizes = np.unique(classes, return_inverse=True, return_counts=True)
        kept[order[sizes[position.reshape(-1)][order] > 1][:1]] = True
    if not kept.any():
        raise DatasetError(
            f"{size} images or rows of {len(np.unique(classes))} classes are too few to keep some for the test: give "
            "some for it."
        )
    return kept


def split_with_copies(
    classes: NDArray[np.int64], images: NDArray[np.uint64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Return which images are kept for the test, as `stratified_split` does, with all copies of an image on one side.

    Args:
        classes: A number for each image [size], its class.
        images: A number for each image [size], which equal images share.
        share: The share to keep, between 0 and 1.
        seed: Seeds the draw.

    Raises:
        DatasetError: There are too few images to keep any.
    """
    _, first, position = np.unique(images, return_index=True, return_inverse=True)
    order = np.argsort(first)
    kept = np.empty(len(first), dtype=bool)
    kept[order] = stratified_split(classes[first[order]], share, seed)
    chosen: NDArray[np.bool_] = kept[position.reshape(-1)]
    return chosen
