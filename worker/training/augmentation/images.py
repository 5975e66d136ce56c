"""All that a recipe does to the images of a batch, in its order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Recipe
from deepchord.worker.training.augmentation.geometry import mirrored, moved, turned
from deepchord.worker.training.augmentation.rand_augment import rand_augmented
from deepchord.worker.training.augmentation.rectangles import cut_out, erased
from deepchord.worker.training.augmentation.values import ValueRange, Values, brightened, changed, contrasted, noised


def augmented(images: NDArray[Any], recipe: Recipe, values: ValueRange, generator: np.random.Generator) -> NDArray[Any]:
    """Return images, each changed at random as the recipe says; their shape and type stay.

    What a recipe does not ask for draws nothing, so that stored recipes give the same images as ever.

    Args:
        images: [size, height, width, channels], or rows [size, features] for `feature_noise`; uint8 or float32.
        recipe: Says what is done.
        values: The range of the data set's values.
        generator: What is drawn with.
    """
    images = _placed(images, recipe, generator)
    if recipe.rand_augment:
        images = rand_augmented(images, recipe.rand_augment, recipe.rand_augment_magnitude, values, generator)
    if recipe.brightness or recipe.contrast or recipe.noise:
        images = changed(images, lambda floats: _revalued(floats, recipe, values, generator), values)
    if recipe.feature_noise:
        deviation = np.float32(recipe.feature_noise)
        images = images + deviation * generator.standard_normal(images.shape, dtype=np.float32)
    return _hidden(images, recipe, values, generator)


def _placed(images: NDArray[Any], recipe: Recipe, generator: np.random.Generator) -> NDArray[Any]:
    """Mirror, shift, rotate and magnify."""
    if recipe.flip:
        images = mirrored(images, generator)
    if recipe.shift:
        tops, lefts = generator.integers(0, 2 * recipe.shift + 1, (2, len(images)))
        images = moved(images, tops, lefts, recipe.shift)
    if recipe.rotation or recipe.zoom:
        degrees = recipe.rotation * generator.uniform(-1, 1, len(images))
        factors = 1 + recipe.zoom * generator.uniform(-1, 1, len(images))
        images = turned(images, degrees, factors)
    return images


def _revalued(images: Values, recipe: Recipe, values: ValueRange, generator: np.random.Generator) -> Values:
    """Change brightness and contrast, and add noise."""
    if recipe.brightness:
        images = brightened(images, recipe.brightness * generator.uniform(-1, 1, len(images)), values)
    if recipe.contrast:
        images = contrasted(images, 1 + recipe.contrast * generator.uniform(-1, 1, len(images)))
    if recipe.noise:
        images = noised(images, recipe.noise, values, generator)
    return images


def _hidden(images: NDArray[Any], recipe: Recipe, values: ValueRange, generator: np.random.Generator) -> NDArray[Any]:
    """Set a square to zero, and fill a rectangle with random values."""
    if recipe.cutout:
        images = cut_out(images, recipe.cutout, generator)
    if recipe.random_erasing is not None:
        images = erased(images, recipe.random_erasing, values, generator)
    return images
