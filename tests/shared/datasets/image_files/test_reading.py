import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepchord.shared.datasets.image_files import EncodedImage, Listing, PictureOptions, list_folder, read_listing
from deepchord.shared.errors import DatasetError
from deepchord.shared.images import read_picture
from tests.shared.datasets.image_files.pictures import write_classes, write_picture

SMALL = PictureOptions(image_size=(4, 4))


def test_grey_images_stay_grey_and_mixed_ones_become_coloured(tmp_path: Path):
    grey = read_listing(list_folder(write_classes(tmp_path)), "photos", PictureOptions())
    write_picture(tmp_path / "dog" / "2.png", 7, channels=3)
    mixed = read_listing(list_folder(tmp_path), "photos", PictureOptions())

    assert grey.pixels.shape == (10, 6, 6, 1)
    assert mixed.pixels.shape == (10, 6, 6, 3)
    unchanged = [0, 1, 2, 3, 4, 5, 6, 8, 9]
    np.testing.assert_array_equal(mixed.pixels[unchanged], np.repeat(grey.pixels[unchanged], 3, axis=-1))
    assert mixed.labels.tolist() == [0] * 5 + [1] * 5
    assert (mixed.pixels[7] == np.asarray(Image.open(tmp_path / "dog" / "2.png"))).all()


def test_images_of_several_sizes_are_refused_with_a_size_that_would_do(tmp_path: Path):
    write_classes(tmp_path, 3)
    write_picture(tmp_path / "cat" / "9.png", size=(70, 50))
    write_picture(tmp_path / "dog" / "9.png", size=(90, 40))

    with pytest.raises(DatasetError, match=r"of 3 sizes \(height x width\): 6x6 \(6\), .* --image-size 16, for"):
        read_listing(list_folder(tmp_path), "photos", PictureOptions())
    assert read_listing(list_folder(tmp_path), "photos", SMALL).pixels.shape == (8, 4, 4, 1)


def test_a_photo_on_its_side_counts_as_it_is_seen(tmp_path: Path):
    write_picture(tmp_path / "cat" / "1.png", size=(6, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, ending in enumerate(("jpg", "tif", "png")):
        image = Image.fromarray(np.full((4, 6), 50 * number, np.uint8))
        image.save(write_picture(tmp_path / "dog" / f"{number}.{ending}"), exif=exif)

    assert read_listing(list_folder(tmp_path), "photos", PictureOptions()).pixels.shape == (4, 6, 4, 1)


def test_transparency_is_laid_on_white_and_said(tmp_path: Path):
    clear = np.zeros((6, 6, 4), np.uint8)
    write_classes(tmp_path)
    Image.fromarray(clear).save(tmp_path / "cat" / "0.png")

    read = read_listing(list_folder(tmp_path), "photos", PictureOptions())

    assert (read.pixels[0] == 255).all()
    assert [finding.text for finding in read.findings] == ["1 image is transparent in places, which count as white."]


def test_damaged_files_are_named_or_left_out_as_asked(tmp_path: Path):
    write_classes(tmp_path)
    (tmp_path / "cat" / "0.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes()[:50])
    (tmp_path / "dog" / "1.jpg").write_text("no image")
    (tmp_path / "dog" / "2.jpg").symlink_to(tmp_path / "nowhere")

    for options in (PictureOptions(), SMALL):
        with pytest.raises(DatasetError, match=r"of 12 images of photos cannot be used: .*dog/1\.jpg is no image that"):
            read_listing(list_folder(tmp_path), "photos", options)
    for size in (None, (4, 4)):
        options = PictureOptions(image_size=size, skip_damaged=True)
        read = read_listing(list_folder(tmp_path), str(tmp_path), options)
        assert (len(read.pixels), len(read.labels), len(read.parts), read.files.skipped) == (9, 9, 9, 3)
        assert "3 of the images cannot be used and were left out" in read.findings[0].text
        assert "; dog/1.jpg is no image" in read.findings[0].text


def test_nothing_is_left_of_damaged_files_alone(tmp_path: Path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").touch()

    with pytest.raises(
        DatasetError, match=r"1 of 1 images of photos cannot be used: .*1\.png is no image .* remove them\.$"
    ):
        read_listing(list_folder(tmp_path), "photos", PictureOptions(skip_damaged=True))


def test_the_progress_is_told(tmp_path: Path):
    told: list[tuple[int, int]] = []
    options = PictureOptions(image_size=(4, 4), progress=lambda done, total: told.append((done, total)))

    read_listing(list_folder(write_classes(tmp_path, 2)), "photos", options)

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [None, (3, 5)])
def test_a_file_that_is_predicted_becomes_the_array_that_it_is_in_the_training(tmp_path: Path, mode: str, size):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 6, 4), dtype=np.uint8))
    kind = "tif" if mode == "CMYK" else "png"
    (tmp_path / "cat").mkdir()
    noise.convert(mode).save(tmp_path / "cat" / f"1.{kind}")
    for channels in (1, 3):
        write_picture(tmp_path / "dog" / "1.png", channels=channels)
        read = read_listing(list_folder(tmp_path), "photos", PictureOptions(image_size=size))

        for image, pixels in zip(sorted(tmp_path.rglob("*.*")), read.pixels, strict=True):
            predicted = read_picture(image, read.pixels.shape[1:], "none", files=read.files)
            np.testing.assert_array_equal(predicted, pixels)
            if size is not None:
                np.testing.assert_array_equal(read_picture(image, read.pixels.shape[1:], "resize"), pixels)


@settings(max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "GIF"]), is_sized=st.booleans())
def test_damaged_images_are_read_refused_or_left_out(data: st.DataObject, kind: str, is_sized: bool):
    file = io.BytesIO()
    Image.fromarray(np.full((6, 6), 77, np.uint8)).save(file, kind)
    whole = file.getvalue()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    images = [
        EncodedImage(name=f"image {label}", content=content, label=label, part=None)
        for label, content in enumerate((whole, bytes(damaged)))
    ]
    options = PictureOptions(image_size=(4, 4) if is_sized else None, skip_damaged=True)

    kept, outcome = 1, "photos."
    try:
        kept = len(read_listing(Listing(images=images, class_names=("a", "b")), "photos", options).pixels)
    except DatasetError as error:
        outcome = str(error)

    assert kept in (1, 2)
    assert "photos" in outcome
    assert outcome.endswith(".")
