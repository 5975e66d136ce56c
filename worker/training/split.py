"""The split of the training images into those that a member learns from and those that it is validated on."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError


def split(size: int, validation_fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of a member's training and validation images, a random split of `size` images.

    Raises:
        InputError: One of the two parts would be empty.
    """
    # Importing it takes a second, and a worker's parent process does not need it.
    from sklearn.model_selection import train_test_split

    try:
        train_indices, validation_indices = train_test_split(
            np.arange(size), test_size=validation_fraction, random_state=seed
        )
    except ValueError as error:
        raise InputError(
            f"{size} training images cannot be split with validation_fraction = {validation_fraction}: "
            "both parts need at least one image."
        ) from error
    return train_indices, validation_indices
