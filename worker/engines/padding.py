"""Batches of one size: every framework compiles anew for each shape that it has not seen."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.worker.engines.engine import Images

#: The least that a network predicts at once: its first request may be much smaller than those that follow.
_FEWEST_PREDICTED = 128


def prediction_batch(first: int, most: int) -> int:
    """Return the one size of batches that a network predicts in: a power of two that holds its first request.

    Args:
        first: How many images were asked for first.
        most: More are never computed at once.
    """
    return min(most, max(_FEWEST_PREDICTED, 1 << (first - 1).bit_length()))


def filled(rows: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], int]:
    """Return the rows, repeated until there are `size` of them, and how many of them count."""
    return np.resize(rows, size), len(rows)


def filled_batches(images: Images, size: int) -> Iterator[tuple[Images, int]]:
    """Yield the images in batches of one size, the last filled up with its own images, and how many of each count."""
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        if len(batch) == size:
            yield batch, size
        else:
            rows, counted = filled(np.arange(len(batch)), size)
            yield batch[rows], counted
