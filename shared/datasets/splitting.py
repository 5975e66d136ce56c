"""Which of given rows or images are kept for the test, where nobody gives a test set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError


def kept_for_test(classes: NDArray[Any], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which rows only score, [size]; each class has about its share of them, and is trained on.

    Args:
        classes: The class of each row, numbers [size].
        share: The share of all rows that is kept, above 0 and below 1.
        seed: Draws them.

    Raises:
        InputError: There are too few rows to keep some.
    """
    size = len(classes)
    # Sorted by class, every so many-th row is kept: the shares of the classes stay.
    order = np.lexsort((np.random.default_rng(seed).random(size), classes))
    kept = np.zeros(size, dtype=np.bool_)
    count = min(size - 1, max(1, round(share * size)))
    kept[order[np.floor((np.arange(count) + 0.5) * size / count).astype(int)]] = True
    for each in np.unique(classes[kept]):
        if kept[classes == each].all():
            kept[np.flatnonzero(classes == each)[0]] = False
    if not kept.any():
        raise InputError(
            f"{size} images or rows of {len(np.unique(classes))} classes are too few to keep some for the test: give "
            "those for the test by themselves."
        )
    return kept
