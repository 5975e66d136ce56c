"""An order of images in which every class is spread evenly, so that any stretch of it has each class in its share."""

import numpy as np
from numpy.typing import NDArray


def stratified_order(labels: NDArray[np.integer], generator: np.random.Generator) -> NDArray[np.int64]:
    """Return all images in a random order in which every class is spread evenly (systematic sampling).

    A stretch of a share s of the images has about s n images of a class with n images, one more or less. A class with a
    single image has it at the end.

    Args:
        labels: [images], class indices from 0.
        generator: Decides which of a class's images come first, and where its first one stands.

    Returns:
        int64 [images], each index once.
    """
    order = generator.permutation(len(labels)).astype(np.int64)
    shuffled = labels[order].astype(np.int64)
    sizes = np.bincount(shuffled)
    by_class = np.argsort(shuffled, kind="stable")
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = (ranks + generator.random(len(sizes))[shuffled]) / sizes[shuffled]
    places[sizes[shuffled] == 1] = 1.0
    return order[np.argsort(places, kind="stable")]
