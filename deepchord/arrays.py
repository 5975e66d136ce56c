"""Arrays of a Python program as a data set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepchord.shared.datasets import Dataset, dataset_from_arrays
from deepchord.shared.errors import InputError


def arrays_as_dataset(
    x: NDArray[Any],
    y: NDArray[Any],
    test: tuple[ArrayLike, ArrayLike] | float,
    class_names: Sequence[str] | None,
    seed: int | None,
) -> Dataset:
    """Return arrays as a data set; see `train` for the arguments.

    Raises:
        InputError: There are too few images for training and test.
        DatasetError: The arrays cannot be used.
    """
    names = None if class_names is None else tuple(class_names)
    if isinstance(test, tuple):
        x_test, y_test = np.asarray(test[0]), np.asarray(test[1])
    else:
        x, y, x_test, y_test = _split(x, y, test, seed)
    if y.dtype.kind in "USO":
        if names is not None:
            raise InputError("The classes have names already: leave class_names out, or give numbers as y.")
        found, codes = np.unique(np.concatenate([y, y_test]).astype(str), return_inverse=True)
        names, y, y_test = tuple(found.tolist()), codes[: len(y)], codes[len(y) :]
    arrays = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}
    return dataset_from_arrays(arrays, name="arrays", source="The arrays", class_names=names)


def _split(
    x: NDArray[Any], y: NDArray[Any], share: float, seed: int | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return training and test images and their classes; each class has its share in both, where it has two images."""
    if not 0 < share < 1:
        raise InputError(f"test is {share!r}; expected test images and their classes, or a share between 0 and 1.")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) < 2:
        raise InputError(f"x has the shape {list(x.shape)} and y {list(y.shape)}; expected one class for each image.")
    generator = np.random.default_rng(0 if seed is None else seed)
    _, codes = np.unique(y.reshape(len(y), -1), axis=0, return_inverse=True)
    # Sorted by class, every so many-th image is kept: the shares of the classes stay.
    order = np.lexsort((generator.random(len(x)), codes.reshape(-1)))
    kept = np.zeros(len(x), dtype=bool)
    count = min(len(x) - 1, max(1, round(share * len(x))))
    kept[order[np.floor((np.arange(count) + 0.5) * len(x) / count).astype(int)]] = True
    return x[~kept], y[~kept], x[kept], y[kept]
