"""Reads listed image files into arrays: of one size, in grey or in colour, with the damaged ones named."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.image_files.listing import EncodedImage, Listing, Part, note
from deepchord.shared.datasets.image_files.options import PictureOptions
from deepchord.shared.datasets.image_files.sizes import Size, check_one_size
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.files import new_array, pieces
from deepchord.shared.images import ConvertedPicture, convert_picture
from deepchord.shared.messages import DatasetFinding, ImageFiles

#: A larger file is a mistake, or an attack.
MAX_FILE_BYTES = 512 * 2**20
#: So many damaged files are named.
_NAMED = 5
_COLOURS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadImages:
    """Images that were read from files, without the damaged ones."""

    #: uint8 [size, height, width, channels].
    pixels: NDArray[np.uint8]
    #: int64 [size], class indices.
    labels: NDArray[np.int64]
    #: Which part each belongs to; None: it is not said.
    parts: tuple[Part | None, ...]
    class_names: tuple[str, ...]
    files: ImageFiles
    findings: tuple[DatasetFinding, ...]


@dataclass
class _Damaged:
    """The files that cannot be used, and why the first ones cannot."""

    count: int = 0
    sentences: list[str] = field(default_factory=list)

    def add(self, name: str, error: Exception) -> None:
        self.count += 1
        if len(self.sentences) < _NAMED:
            self.sentences.append(str(error).rstrip(".") or f"{name} does not fit into memory")

    def shortened(self, source: str) -> "_Damaged":
        """Return the same without the folder that the files lie in: a report is for others, who do not know it."""
        folders = [f"{folder}/" for folder in (source, str(Path(source).parent)) if folder != "."]
        sentences = self.sentences
        for folder in folders:
            sentences = [sentence.replace(folder, "") for sentence in sentences]
        return _Damaged(self.count, sentences)


def read_listing(listing: Listing, source: str, options: PictureOptions) -> ReadImages:
    """Return the images of a list.

    Args:
        listing: The files.
        source: Where they were found, for errors.
        options: Their size, and what is done with damaged ones.

    Raises:
        DatasetError: Files are damaged or of different sizes, or need more temporary files than there is room for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damage that it can do without
        size = options.image_size
        if size is None:
            size = check_one_size(listing.images, source)
        return _read(listing, source, size, options)


def _read(listing: Listing, source: str, size: Size, options: PictureOptions) -> ReadImages:
    count, kept, transparent = len(listing.images), 0, 0
    pixels = _new_array(count, size, _COLOURS if options.in_colour else 1, source, options)
    labels, parts, damaged = np.zeros(count, dtype=np.int64), list[Part | None](), _Damaged()
    for image, converted in _converted(listing.images, count, size, options, damaged):
        if converted.pixels.shape[-1] > pixels.shape[-1]:
            pixels = _in_colour(pixels, kept, source, options)
        pixels[kept] = converted.pixels
        labels[kept] = image.label
        parts.append(image.part)
        transparent += converted.was_transparent
        kept += 1
    _refuse_damaged(damaged, count, source, options)
    return ReadImages(
        pixels=pixels[:kept],
        labels=labels[:kept],
        parts=tuple(parts),
        class_names=listing.class_names,
        files=ImageFiles(scaled=options.image_size is not None, skipped=damaged.count),
        findings=(*listing.findings, *_findings(options, transparent, damaged.shortened(source), pixels.shape[-1])),
    )


def _converted(
    images: Iterable[EncodedImage], count: int, size: Size, options: PictureOptions, damaged: _Damaged
) -> Iterator[tuple[EncodedImage, ConvertedPicture]]:
    """Yield the images that can be read, as they become arrays."""
    for number, image in enumerate(images, 1):
        try:
            _check_bytes(image)
            converted = convert_picture(image.content, options.image_size, image.name)
            if converted.pixels.shape[:2] != size:
                raise InputError(f"{image.name} has another size than its header tells.")
            yield image, converted
        except (InputError, MemoryError) as error:
            damaged.add(image.name, error)
        if options.progress is not None:
            options.progress(number, count)


def _check_bytes(image: EncodedImage) -> None:
    try:
        size = image.content.stat().st_size if isinstance(image.content, Path) else len(image.content)
    except (OSError, ValueError):
        return  # why, says who opens it
    if size > MAX_FILE_BYTES:
        raise InputError(f"{image.name} has {size / 2**20:,.0f} MiB; at most {MAX_FILE_BYTES // 2**20} are read.")


def _refuse_damaged(damaged: _Damaged, count: int, source: str, options: PictureOptions) -> None:
    if not damaged.count or (options.skip_damaged and damaged.count < count):
        return
    more = f"; and {damaged.count - _NAMED:,} more" if damaged.count > _NAMED else ""
    otherwise = ", or leave them out with --skip-damaged (in a recipe: skip_damaged = true)"
    raise DatasetError(
        f"{damaged.count:,} of {count:,} images of {source} cannot be used: {'; '.join(damaged.sentences)}{more}. "
        f"Repair or remove them{'' if damaged.count == count else otherwise}."
    )


def _new_array(count: int, size: Size, channels: int, source: str, options: PictureOptions) -> NDArray[np.uint8]:
    what = f"{source}, {count:,} images of {size[0]}x{size[1]} pixels,"
    return new_array((count, *size, channels), np.uint8, what, options.memory_bytes)


def _in_colour(grey: NDArray[np.uint8], kept: int, source: str, options: PictureOptions) -> NDArray[np.uint8]:
    """Return an array with three channels, of which the first images are filled with the grey ones."""
    coloured = _new_array(len(grey), (grey.shape[1], grey.shape[2]), _COLOURS, source, options)
    for part in pieces(grey[:kept]):
        coloured[:kept][part] = grey[:kept][part]
    return coloured


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"


def _findings(options: PictureOptions, transparent: int, damaged: _Damaged, channels: int) -> Iterator[DatasetFinding]:
    if transparent:
        yield note("transparency", f"{_images(transparent)} transparent in places, which count as white.")
    if damaged.count:
        were, more = "was" if damaged.count == 1 else "were", "; …" if damaged.count > _NAMED else ""
        yield DatasetFinding(
            kind="skipped_damaged",
            level="warning",
            text=f"{damaged.count:,} of the images cannot be used and {were} left out: "
            f"{'; '.join(damaged.sentences)}{more}.",
        )
    if options.image_size is not None:
        height, width = options.image_size
        colours = "grey" if channels == 1 else "colours"
        yield note("scaled", f"Each image was scaled to {height}x{width} pixels, in {colours}, whatever its own shape.")
