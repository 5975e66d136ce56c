"""Any image file becomes an array or is refused in a sentence, alone and among others in folders and tables."""

import io
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepchord.shared.images import convert_picture
from tests.fuzzing.inputs import damaged, look_at, try_inputs

KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
MODES = ("L", "RGB", "RGBA", "P", "LA", "1", "I;16", "CMYK", "F")


def pictures() -> list[bytes]:
    """An image of each kind in each mode that the kind has."""
    pixels = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3)
    found = []
    for kind in KINDS:
        for mode in MODES:
            image = Image.fromarray(pixels)
            image = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
            file = io.BytesIO()
            try:
                image.save(file, kind, exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")
            except (OSError, ValueError):  # the kind has no such mode
                continue
            found.append(file.getvalue())
    return found


PICTURES = pictures()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "bird").mkdir()
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir()
        for number in range(3):
            Image.fromarray(np.full((7, 5), 40 * label + number, np.uint8)).save(folder / name / f"{number}.png")
    return folder


PLACES = ("cat/3.png", "dog/3.jpg", "dog/3", "3.png", "bird/1.tiff")
OPTIONS: tuple[dict[str, object], ...] = (
    {},
    {"skip_damaged": True},
    {"image_size": "4"},
    {"image_size": "4x6", "skip_damaged": True, "test_share": 0.4},
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of damage that it can do without
def test_any_image_file_becomes_an_array_or_is_refused_in_a_sentence(seeds: Sequence[int]):
    def convert(draw: random.Random) -> None:
        size = draw.choice([None, (4, 4), (1, 9)])
        pixels = convert_picture(damaged(draw, PICTURES), size, "any.png").pixels
        assert (pixels.dtype, pixels.shape[-1] in (1, 3)) == (np.uint8, True)
        assert size is None or pixels.shape[:2] == size

    try_inputs(seeds, convert)


def test_any_file_in_a_folder_is_looked_at_or_refused_in_a_sentence(folder: Path, seeds: Sequence[int]):
    def look(draw: random.Random) -> None:
        path = folder / draw.choice(PLACES)
        path.write_bytes(damaged(draw, PICTURES))
        try:
            look_at(folder, **draw.choice(OPTIONS))
        finally:
            path.unlink()

    try_inputs(seeds, look)
