"""Arrays of a Python program as a data set."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepchord.shared.datasets import IN_MEMORY, Dataset, dataset_from_arrays, stratified_split, with_channels_last
from deepchord.shared.errors import InputError
from deepchord.shared.messages import StratifiedSplit

_SOURCE = "The arrays"


def arrays_as_dataset(
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    test: Sequence[ArrayLike] | float,
    class_names: Sequence[str] | None = None,
    seed: object = None,
    channels_first: bool | None = None,
    sample_weights: NDArray[Any] | None = None,
) -> Dataset:
    """Return arrays as a data set; see `train` for the arguments.

    Raises:
        InputError: `test` is neither, or there is not one class for each image.
        DatasetError: The arrays cannot be used, or are too few for training and test.
    """
    names, split = None if class_names is None else tuple(class_names), None
    if isinstance(test, tuple | list) and len(test) == 2:
        x_test, y_test = np.asarray(test[0]), np.asarray(test[1])
        names, (y, y_test) = _as_numbers(names, y, y_test)
    elif isinstance(test, float | int):
        names, (y,) = _as_numbers(names, y)
        # A seed that is none is refused with the recipe.
        split_seed = seed if isinstance(seed, int) and seed >= 0 else 0
        kept = _kept_for_test(x, y, test, split_seed)
        x, y, x_test, y_test = x[~kept], y[~kept], x[kept], y[kept]
        if sample_weights is not None and sample_weights.shape[:1] == kept.shape:
            sample_weights = sample_weights[~kept]
        split = StratifiedSplit(share=test, seed=split_seed)
    else:
        raise InputError(f"test is {test!r}; expected test images and their classes, or a share between 0 and 1.")
    arrays = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}
    if sample_weights is not None:
        arrays["sample_weights_train"] = sample_weights
    turned = with_channels_last(arrays, _SOURCE, channels_first)
    dataset = dataset_from_arrays(turned, name=IN_MEMORY, source=_SOURCE, class_names=names)
    return replace(dataset, split=split)


def _as_numbers(
    names: tuple[str, ...] | None, *labels: NDArray[Any]
) -> tuple[tuple[str, ...] | None, list[NDArray[Any]]]:
    """Return the names of the classes and labels as their numbers, if the labels are strings."""
    if not any(each.dtype.kind in "USO" for each in labels):
        return names, list(labels)
    if names is not None:
        raise InputError("The classes have names already: leave class_names out, or give numbers as y.")
    found, codes = np.unique(np.concatenate([each.reshape(-1) for each in labels]).astype(str), return_inverse=True)
    return tuple(found.tolist()), np.split(codes.reshape(-1), np.cumsum([len(each) for each in labels])[:-1])


def _kept_for_test(x: NDArray[Any], y: NDArray[Any], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which images are for the test; each class has about its share in both parts, and is trained on."""
    if not 0 < share < 1:
        raise InputError(f"test is {share!r}; expected test images and their classes, or a share between 0 and 1.")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) < 2:
        raise InputError(f"x has the shape {list(x.shape)} and y {list(y.shape)}; expected one class for each image.")
    codes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y), -1)[:, 0]
    return stratified_split(codes, share, seed)
