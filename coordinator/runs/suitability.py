"""Whether a recipe suits a data set: its parts, its augmentation, its classes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import weights_of_classes
from deepchord.shared.errors import InputError
from deepchord.shared.messages import Recipe
from deepchord.shared.network import ResolvedArchitecture, Task

#: What changes the place of pixels or hides some of them; it needs images of at least two lines and columns.
_OF_PLACES = ("rotation", "zoom", "random_erasing", "cutmix", "rand_augment")
#: What needs classes, and what needs numbers to predict.
_OF_CLASSES = ("label_smoothing", "class_weights", "mixup", "cutmix", "stratify")
_OF_NUMBERS = ("beta_nll",)
#: What is predicted, in words.
_PREDICTED: Mapping[Task, str] = {"classification": "classes", "regression": "numbers", "multilabel": "labels"}
#: What else is for images only.
_OF_IMAGES = ("flip", "shift", "cutout", "brightness", "contrast", "noise")


def check_parts(recipe: Recipe, train_size: int) -> None:
    """Raise `InputError` if a member would have no image to train on, or none for its validation.

    Args:
        recipe: Which shares of the images are kept for the calibration and for the validation.
        train_size: How many training images the data set has.
    """
    left = train_size - round(train_size * recipe.calibration_fraction)
    held_out = math.ceil(round(left * recipe.validation_fraction, 6))
    if not 0 < held_out < left:
        raise InputError(
            f"Of {train_size} training images, calibration_fraction = {recipe.calibration_fraction:g} and "
            f"validation_fraction = {recipe.validation_fraction:g} leave a member {max(0, left - held_out)} to train "
            f"on and {held_out} for its validation: each needs at least one."
        )


def check_trainable(network: ResolvedArchitecture) -> None:
    """Raise `InputError` if no layer would learn."""
    if network.frozen == network.parameters:
        raise InputError(
            "No layer of the network is trained: all that have weights are trainable = false. Let at least the last "
            "one be trained."
        )


def check_augmentation(recipe: Recipe, input_shape: tuple[int, ...]) -> None:
    """Raise `InputError` if inputs of this shape cannot be changed as the recipe says, or little would be left of them.

    Args:
        recipe: Says how inputs are changed.
        input_shape: Height, width and channels of an image, or the number of features.
    """
    is_image = len(input_shape) == 3
    asked = [name for name in (*_OF_IMAGES, *_OF_PLACES) if getattr(recipe, name)]
    if asked and not is_image:
        raise InputError(f"{asked[0]} changes images, but the data set has inputs of the shape {input_shape}.")
    asked = [name for name in _OF_PLACES if getattr(recipe, name)]
    if asked and min(input_shape[:2]) < 2:
        raise InputError(
            f"{asked[0]} is for images of at least 2x2 pixels; those of the data set have "
            f"{input_shape[0]}x{input_shape[1]}."
        )
    if is_image and recipe.shift + recipe.cutout >= min(input_shape[:2]):
        raise InputError(
            f"shift = {recipe.shift} and cutout = {recipe.cutout} could leave nothing to be seen of images of "
            f"{input_shape[0]}x{input_shape[1]} pixels; their sum must be less than the shorter side."
        )


def check_class_weights(recipe: Recipe, class_names: Sequence[str], labels: NDArray[np.integer] | None = None) -> None:
    """Raise `InputError` if the recipe has weights of classes that the data set does not have, or none above 0.

    Args:
        recipe: May have weights.
        class_names: The names of all classes.
        labels: The classes of the training images, [size]; None: they are not at hand.
    """
    if recipe.class_weights is None or recipe.class_weights == "balanced":
        return
    weights = weights_of_classes(recipe.class_weights, class_names)
    if labels is not None and not weights[np.unique(labels)].any():
        raise InputError(
            "class_weights: all classes of which there are training images have the weight 0, so nothing could be "
            "learned; give one more."
        )


def check_task(recipe: Recipe, task: Task, *, is_automatic: bool = False) -> None:
    """Raise `InputError` if the recipe, or the number of members, asks for what only another task has."""
    if is_automatic and task == "multilabel":
        raise InputError(
            'members = "auto" is for runs that predict classes or numbers, and this one predicts labels: give a number.'
        )
    wrong: dict[str, tuple[str, ...]] = {"classes": () if task == "classification" else _OF_CLASSES}
    wrong["numbers"] = () if task == "regression" else _OF_NUMBERS
    for what, names in wrong.items():
        asked = [name for name in names if getattr(recipe, name)]
        if asked:
            raise InputError(
                f"{asked[0]} is for runs that predict {what}, and this one predicts {_PREDICTED[task]}: leave it out."
            )


def check_feature_noise(recipe: Recipe, input_shape: tuple[int, ...], *, are_floats: bool) -> None:
    """Raise `InputError` if the recipe adds `feature_noise` to inputs that are no rows of floats."""
    if not recipe.feature_noise:
        return
    if not are_floats:
        raise InputError(
            "feature_noise is for floats, but the data set has whole numbers from 0 to 255: give noise, a share of "
            "their range."
        )
    if len(input_shape) == 3 and min(input_shape[:2]) > 1:
        raise InputError(
            f"feature_noise is for rows of features, but the data set has images of {input_shape[0]}x{input_shape[1]} "
            "pixels: give noise, a share of their values' range."
        )
