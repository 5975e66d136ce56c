"""Fills batches up to one size, because every framework compiles anew for each new shape."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.worker.engines.engine import Images

#: The smallest batch for predictions: the first request may be much smaller than the following ones.
_FEWEST_PREDICTED = 128


def prediction_batch(first: int, most: int) -> int:
    """Return the batch size for all predictions of a network: a power of two, at least the size of its first request.

    Args:
        first: The number of images in the first request.
        most: The largest batch size.
    """
    return min(most, max(_FEWEST_PREDICTED, 1 << (first - 1).bit_length()))


def filled(rows: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], int]:
    """Return `size` rows, which are the given ones repeated, and the number of given ones."""
    return np.resize(rows, size), len(rows)


def filled_batches(images: Images, size: int) -> Iterator[tuple[Images, int]]:
    """Yield batches of one size with the number of images that count; the last batch repeats its own images."""
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        if len(batch) == size:
            yield batch, size
        else:
            rows, counted = filled(np.arange(len(batch)), size)
            yield batch[rows], counted
