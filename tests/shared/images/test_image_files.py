import io
import zlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from deepchord.shared.errors import InputError
from deepchord.shared.images import picture_size, read_picture

GREY, COLOURS = (4, 4, 1), (4, 4, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 4), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM"])
def test_grey_images_of_each_kind_are_read_as_they_are(kind):
    found = read_picture(encoded(Image.fromarray(PIXELS), kind), GREY, "none")

    assert found.dtype == np.uint8
    assert (found[..., 0] == PIXELS).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_grey_that_is_stored_in_another_way_is_grey(mode):
    black_and_white = np.where(PIXELS > 127, 255, 0).astype(np.uint8)
    picture = Image.fromarray(black_and_white).convert(mode)

    found = read_picture(encoded(picture), GREY, "none", "it.png")

    assert (found[..., 0] == black_and_white).all()


def test_colours_are_read_and_are_not_silently_made_grey():
    colours = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(colours))

    assert (read_picture(data, COLOURS, "none") == colours).all()
    with pytest.raises(InputError, match=r"Images of it\.png are 4x4x3 .* networks take 4x4x1: .* --fit resize"):
        read_picture(data, GREY, "none", "it.png")
    with pytest.raises(InputError, match="are 4x4x1"):
        read_picture(encoded(Image.fromarray(PIXELS)), COLOURS, "none")


def test_transparency_is_refused_or_laid_on_white():
    clear = np.zeros((4, 4, 4), np.uint8)
    data = encoded(Image.fromarray(clear, "RGBA"))

    with pytest.raises(InputError, match="are 4x4x4"):
        read_picture(data, GREY, "none")
    assert (read_picture(data, GREY, "resize") == 255).all()


def test_a_smaller_image_is_the_mean_of_its_pixels_not_a_few_of_them():
    checkerboard = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)

    found = read_picture(encoded(Image.fromarray(checkerboard)), GREY, "resize")

    assert np.abs(found.astype(int) - 128).max() <= 2


def test_a_photo_that_lies_on_its_side_is_turned_upright():
    picture = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = 6  # its top is at the right

    found = read_picture(encoded(picture, "TIFF", exif=exif), GREY, "none")

    assert (found[..., 0] == np.rot90(PIXELS, -1)).all()


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG"])
def test_a_file_is_turned_as_its_bytes_are(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(PIXELS[:3]), kind, exif=exif)
    (tmp_path / "it").write_bytes(data)

    assert picture_size(tmp_path / "it", "it") == picture_size(data, "it") == (4, 3)
    assert (read_picture(tmp_path / "it", (4, 3, 1), "none") == read_picture(data, (4, 3, 1), "none")).all()


def test_sixteen_bits_are_refused_because_their_range_is_unknown():
    deep = Image.fromarray(np.full((4, 4), 40_000, np.uint16))

    with pytest.raises(InputError, match=r"it\.png has more than 8 bits a channel \(mode I;16\)"):
        read_picture(encoded(deep), GREY, "none", "it.png")


def test_an_image_of_many_pixels_is_refused_before_it_is_unpacked():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (50_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    bomb = b"\x89PNG\r\n\x1a\n" + chunks

    with pytest.raises(InputError, match=r"too large|has 50000x50000 pixels"):
        read_picture(bomb, GREY, "resize", "bomb.png")


def test_an_image_a_little_too_large_is_told_its_limit():
    with pytest.raises(InputError, match="it has 4x4 pixels; at most 15 are read"):
        read_picture(encoded(Image.fromarray(PIXELS)), GREY, "none", "it", max_pixels=15)


@pytest.mark.parametrize("data", [b"", b"text", b"%!PS-Adobe", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_image_is_named(data):
    with pytest.raises(InputError, match=r"it\.png (is no image that can be read; expected PNG|cannot be read as an)"):
        read_picture(data, GREY, "none", "it.png")


def test_a_folder_and_a_device_are_refused(tmp_path):
    for path in (tmp_path, "/dev/zero"):
        with pytest.raises(InputError, match="cannot be read as an image"):
            read_picture(path, GREY, "none")


@hypothesis.settings(max_examples=150)
@hypothesis.given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]))
def test_damaged_files_of_each_kind_are_read_or_refused_in_a_sentence(data, kind):
    whole = encoded(Image.fromarray(PIXELS), kind)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))

    outcome = ""
    try:
        assert read_picture(bytes(damaged), GREY, "resize", "it").shape == GREY
    except InputError as error:
        outcome = str(error)

    assert outcome.startswith(("it ", "Images of it ")) or not outcome
