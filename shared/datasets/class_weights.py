"""Weights of classes, as a recipe gives them by their names or indices."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.validation import shortened, suggestion, with_full_stop


def weights_of_classes(given: Mapping[str, float], class_names: Sequence[str]) -> NDArray[np.float32]:
    """Return the weight of each class, float32 [classes]; 1 for classes that are not given.

    Args:
        given: Weights by the names of classes, or by their indices; where both fit, it is a name.
        class_names: The names of all classes.

    Raises:
        InputError: A class does not exist, or has two weights; or no class has a weight above 0.
    """
    weights = np.ones(len(class_names), np.float32)
    known = {str(index): index for index in range(len(class_names))}
    known |= {name: index for index, name in enumerate(class_names)}
    seen: dict[int, str] = {}
    for key, weight in given.items():
        if key not in known:
            hint = suggestion(key, class_names) if len(class_names) <= _MOST_LISTED else ""
            raise InputError(f"class_weights: the data set has no class {shortened(key)}{with_full_stop(hint)}")
        index = known[key]
        if index in seen:
            raise InputError(f"class_weights: {seen[index]} and {key} are the same class; give it one weight.")
        seen[index] = key
        weights[index] = weight
    if not weights.any():
        raise InputError("class_weights: all classes have the weight 0, so nothing could be learned; give one more.")
    return weights


#: The names of more classes would make no readable sentence.
_MOST_LISTED = 30
