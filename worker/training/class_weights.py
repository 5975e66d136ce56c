"""How much the images of each class count in a member's training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import weights_of_classes
from deepchord.shared.messages import Recipe


def class_weights(
    recipe: Recipe, labels: NDArray[np.integer], class_names: Sequence[str]
) -> NDArray[np.float32] | None:
    """Return the weight of each class, float32 [classes]; None: all images count alike.

    A balanced weight is size / (classes that occur * images of the class), as in scikit-learn (King and Zeng 2001): the
    mean weight of an image is 1.

    Args:
        recipe: Gives weights, or asks for balanced ones.
        labels: The classes of the images that the member is trained on, [size].
        class_names: The names of all classes.

    Raises:
        InputError: A weight is of no class of the data set.
    """
    if recipe.class_weights is None:
        return None
    if recipe.class_weights != "balanced":
        return weights_of_classes(recipe.class_weights, class_names)
    counts = np.bincount(labels, minlength=len(class_names))
    occurring = np.count_nonzero(counts)
    return (len(labels) / (occurring * np.maximum(counts, 1))).astype(np.float32)
