"""Small image files for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, seed: int = 0, *, size: tuple[int, int] = (6, 6), channels: int = 1) -> Path:
    """Write a picture of noise, different for each seed; height and width, grey, colours or colours with alpha."""
    shape = size if channels == 1 else (*size, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_classes(folder: Path, images: int = 5, classes: tuple[str, ...] = ("cat", "dog"), seed: int = 0) -> Path:
    """Write a folder of pictures for each class."""
    for number, name in enumerate(classes):
        for image in range(images):
            write_picture(folder / name / f"{image}.png", seed + 1000 * number + image)
    return folder
