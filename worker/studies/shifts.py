"""Changes test images in seven ways and five strengths, after Hendrycks and Dietterich 2019 and Ovadia et al. 2019.

Lengths in pixels are shares of an image's height or width, and changes of brightness are shares of the range of the
data set's values. So a strength means the same for small and large images, and for uint8 and floats.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import SHIFT_KINDS, ShiftKind

#: Images are changed so many at a time.
_AT_ONCE = 1024

#: The amounts for the strengths 1 to 5. Noise: its standard deviation. Blur: the standard deviation of the Gaussian, as
#: a share of the height. Contrast: the factor. Brightness: what is added. Rotation: degrees. Translation: the shares of
#: height and width. Occlusion: the sides of the hidden rectangle, as shares of height and width.
_AMOUNTS: Mapping[ShiftKind, tuple[float, ...]] = {
    "noise": (0.04, 0.08, 0.14, 0.22, 0.32),
    "blur": (0.018, 0.03, 0.045, 0.065, 0.09),
    "contrast": (0.7, 0.5, 0.35, 0.22, 0.12),
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "rotation": (10.0, 20.0, 30.0, 45.0, 60.0),
    "translation": (0.04, 0.08, 0.12, 0.17, 0.22),
    "occlusion": (0.15, 0.25, 0.35, 0.45, 0.55),
}

Pixels = NDArray[np.float32]


def shifted_parts(
    images: NDArray[Any], kind: ShiftKind, strength: int, low: float, high: float
) -> Iterator[NDArray[Any]]:
    """Yield changed images in their order, a part at a time; the same ones for the same arguments, on every host.

    Args:
        images: [size, height, width, channels], uint8 or float32; at least one.
        kind: How they are changed.
        strength: 1 to 5.
        low: The lowest value of the data set; what moves in from outside an image, and what hides a part, has it.
        high: The highest value. Values beyond the two are cut off.
    """
    amount, change = _AMOUNTS[kind][strength - 1], _CHANGES[kind]
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        # A stream for each part, so that the first images are changed alike however many follow.
        seed = np.random.SeedSequence(strength, spawn_key=(SHIFT_KINDS.index(kind), start))
        pixels = (images[part].astype(np.float32) - low) / ((high - low) or 1)
        pixels = np.clip(change(pixels, amount, np.random.default_rng(seed)), 0, 1) * (high - low) + low
        changed = np.rint(pixels) if images.dtype == np.uint8 else pixels
        yield np.ascontiguousarray(changed, dtype=images.dtype)


def _noise(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    return pixels + np.float32(amount) * generator.standard_normal(pixels.shape, dtype=np.float32)


def _blur(pixels: Pixels, amount: float, _generator: np.random.Generator) -> Pixels:
    from scipy.ndimage import gaussian_filter  # half a second, which commands without it spare

    sigma = amount * pixels.shape[1]
    return np.asarray(gaussian_filter(pixels, (0, sigma, sigma, 0), mode="nearest"))


def _contrast(pixels: Pixels, amount: float, _generator: np.random.Generator) -> Pixels:
    mean = pixels.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(mean + np.float32(amount) * (pixels - mean))


def _brightness(pixels: Pixels, amount: float, _generator: np.random.Generator) -> Pixels:
    return pixels + np.float32(amount)


def _rotation(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    """Turn half of the images to the left and half to the right."""
    from scipy.ndimage import rotate

    turned = np.empty_like(pixels)
    is_left = generator.random(len(pixels)) < 0.5
    for side, degrees in ((is_left, amount), (~is_left, -amount)):
        if side.any():
            turned[side] = rotate(pixels[side], degrees, axes=(2, 1), reshape=False, order=1, mode="constant")
    return turned


def _translation(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    """Move images towards one of the four corners."""
    height, width = pixels.shape[1:3]
    down, right = max(1, round(amount * height)), max(1, round(amount * width))
    moved = np.zeros_like(pixels)
    corners = generator.integers(4, size=len(pixels))
    for corner in range(4):
        rows, columns = (
            _overlap(height, down if corner & 1 else -down),
            _overlap(width, right if corner & 2 else -right),
        )
        chosen = np.flatnonzero(corners == corner)
        moved[np.ix_(chosen, rows[1], columns[1])] = pixels[np.ix_(chosen, rows[0], columns[0])]
    return moved


def _overlap(length: int, by: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the pixels of an axis that is moved come from, and where they go; none if it is moved out."""
    places = np.arange(max(0, -by), min(length, length - by))
    return places, places + by


def _occlusion(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    """Hide a square at a random place within each image."""
    size, height, width = pixels.shape[:3]
    down, right = max(1, round(amount * height)), max(1, round(amount * width))
    top = generator.integers(height - down + 1, size=size)[:, None]
    left = generator.integers(width - right + 1, size=size)[:, None]
    rows, columns = np.arange(height)[None], np.arange(width)[None]
    in_rows, in_columns = (rows >= top) & (rows < top + down), (columns >= left) & (columns < left + right)
    return np.where((in_rows[:, :, None] & in_columns[:, None, :])[..., None], np.float32(0), pixels)


_CHANGES: Mapping[ShiftKind, Callable[[Pixels, float, np.random.Generator], Pixels]] = {
    "noise": _noise,
    "blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "rotation": _rotation,
    "translation": _translation,
    "occlusion": _occlusion,
}
