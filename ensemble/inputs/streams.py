"""Images of files, folders, archives and standard input, a lot at a time, however many there are."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.arrays import as_images
from deepchord.ensemble.inputs.numbers import numbers_of_array, unknown_labels
from deepchord.ensemble.inputs.values import check_values
from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import DeepchordError, InputError
from deepchord.shared.files import npz_outlines, npz_rows, read_npz
from deepchord.shared.images import SUFFIXES, images_with_channels_last, read_picture
from deepchord.shared.messages import DatasetInfo, Fitting

#: How many images are read before they are predicted.
LOT = 512
#: Standard input.
STDIN = "-"
#: The arrays of images in an archive, the first that is there, and the labels that belong to each.
_ARRAYS = {"images": "labels", "x_test": "y_test", "x": "y"}
_OPTION = "--images-channels"
#: The beginning of an `.npz`.
ZIP = b"PK\x03\x04"


@dataclass(frozen=True, kw_only=True, eq=False)
class Lot:
    """Some images that can be predicted together."""

    names: tuple[str, ...]
    #: [images, height, width, channels], uint8 or float32.
    pixels: NDArray[Any]
    #: int64 [images], class indices, -1 where there is none; or the actual numbers, float64 [images, targets], NaN
    #: where one is not known; None: none of all images has a label.
    labels: NDArray[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """An image that could not be read, and why."""

    name: str
    error: DeepchordError


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """An image file."""

    path: Path
    #: The class that its folder is named after; -1: none.
    label: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Archive:
    """An `.npz` with images."""

    file: Path | bytes
    name: str
    #: The name of its array of images, and of their labels; None: it has none.
    array: str
    labels: str | None
    images: int


Source = _Picture | _Archive | bytes


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a command is to predict."""

    sources: tuple[Source, ...]

    def __len__(self) -> int:
        return sum(source.images if isinstance(source, _Archive) else 1 for source in self.sources)

    @property
    def labelled(self) -> bool:
        """Whether any image has a label."""
        return any(
            source.labels is not None if isinstance(source, _Archive) else source.label >= 0
            for source in self.sources
            if not isinstance(source, bytes)
        )


def find_inputs(inputs: Sequence[str], dataset: DatasetInfo) -> Inputs:
    """Return what is meant by some arguments; image files are not opened yet.

    Args:
        inputs: Image files; folders, of which all image files below them are taken; `.npz` files with images as
            `images`, `x_test` or `x`, and perhaps labels as `labels`, `y_test` or `y`; or `-` for one of those on
            standard input. In a folder, an image has the class that its own folder is named after.
        dataset: What the networks were trained on.

    Raises:
        InputError: There is no such file, or a folder holds no images.
        DatasetError: An archive is damaged or holds no images.
    """
    found: list[Source] = []
    for text in inputs:
        if text == STDIN:
            found.append(_from_stdin())
            continue
        path = user_path(text)
        if path.is_dir():
            found.extend(_in_folder(path, dataset))
        elif not path.exists():
            raise InputError(f"There is no file {printable_path(path)}.")
        elif path.suffix.lower() == ".npz":
            found.append(_archive(path, printable_path(path)))
        else:
            found.append(_Picture(path=path, label=-1))
    return Inputs(sources=tuple(found))


def read_inputs(
    inputs: Inputs, dataset: DatasetInfo, fit: Fitting, channels_first: bool | None = None
) -> Iterator[Lot | Damaged]:
    """Yield the images in lots, and the damaged ones in between.

    Args:
        inputs: As `find_inputs` returns them.
        dataset: What the networks were trained on.
        fit: What is done with images of another size or with other channels.
        channels_first: Whether images of archives with four axes are [size, channels, height, width]; None: images that
            look so are refused.
    """
    waiting: list[tuple[str, NDArray[np.uint8], int]] = []
    for source in inputs.sources:
        if isinstance(source, _Archive):
            yield from _lot_of(waiting, dataset, inputs.labelled)
            yield from _archive_lots(source, dataset, fit, channels_first, inputs.labelled)
            continue
        name = "standard input" if isinstance(source, bytes) else printable_path(source.path)
        content, label = (source, -1) if isinstance(source, bytes) else (source.path, source.label)
        try:
            waiting.append((name, as_pixels(content, name, dataset, fit), label))
        except DeepchordError as error:
            yield Damaged(name=name, error=error)
        if len(waiting) == LOT:
            yield from _lot_of(waiting, dataset, inputs.labelled)
    yield from _lot_of(waiting, dataset, inputs.labelled)


def as_pixels(content: Path | bytes, name: str, dataset: DatasetInfo, fit: Fitting) -> NDArray[np.uint8]:
    """Return an image file, or its bytes, as the networks take it; see `read_picture` for the error."""
    pixels = read_picture(content, dataset.image_shape, fit, name, files=dataset.files)
    check_values(pixels, dataset)
    return pixels


def _lot_of(waiting: list[tuple[str, NDArray[np.uint8], int]], dataset: DatasetInfo, labelled: bool) -> Iterator[Lot]:
    """Yield the images that wait, if there are any; none waits afterwards."""
    if not waiting:
        return
    names, pixels, labels = zip(*waiting, strict=True)
    waiting.clear()
    told = unknown_labels(len(names), dataset) if dataset.targets else np.array(labels, dtype=np.int64)
    yield Lot(names=names, pixels=np.stack(pixels), labels=told if labelled else None)


def _from_stdin() -> Source:
    data = sys.stdin.buffer.read()
    if not data:
        raise InputError("Standard input is empty: expected an image file or an .npz on it.")
    return _archive(data, "standard input") if data.startswith(ZIP) else data


def _in_folder(folder: Path, dataset: DatasetInfo) -> list[Source]:
    classes = {name: index for index, name in enumerate(dataset.class_names)}
    paths = [
        Path(parent) / name
        for parent, _, names in os.walk(folder, onerror=_refuse)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    if not paths:
        raise InputError(
            f"{printable_path(folder)} holds no image files (looked for {', '.join(sorted(SUFFIXES))}, also below it)."
        )
    return [_Picture(path=path, label=classes.get(path.parent.name, -1)) for path in sorted(paths)]


def _refuse(error: OSError) -> None:
    raise InputError(f"{printable_path(str(error.filename))} cannot be read: {error.strerror}.") from error


def _archive(file: Path | bytes, name: str) -> _Archive:
    present = npz_outlines(_open(file), name, (), (*_ARRAYS, *_ARRAYS.values()), in_pieces=True)
    array = next((array for array in _ARRAYS if array in present), None)
    if array is None:
        raise InputError(f"{name} holds no images: expected them as {', '.join(_ARRAYS)}.")
    if present[array].ndim not in (3, 4):
        raise InputError(
            f"{name}: {array} has the shape {list(present[array].shape)}; expected images as [images, height, width] "
            "or [images, height, width, channels]."
        )
    labels = _ARRAYS[array]
    return _Archive(
        file=file, name=name, array=array, labels=labels if labels in present else None, images=len(present[array])
    )


def _archive_lots(
    archive: _Archive, dataset: DatasetInfo, fit: Fitting, channels_first: bool | None, labelled: bool
) -> Iterator[Lot | Damaged]:
    labels = _labels(archive, dataset) if labelled else None
    number = 0
    for piece in npz_rows(_open(archive.file), archive.name, archive.array, LOT):
        turned = images_with_channels_last(piece, f"{archive.name}: {archive.array}", channels_first, _OPTION)
        for part in _readable(turned if turned.ndim == 4 else turned[..., None], archive, number, dataset, fit):
            if isinstance(part, Damaged):
                yield part
                continue
            rows, pixels = part
            names = tuple(f"{archive.name}[{index}]" for index in rows)
            yield Lot(names=names, pixels=pixels, labels=None if labels is None else labels[list(rows)])
        number += len(turned)


def _readable(
    piece: NDArray[Any], archive: _Archive, first: int, dataset: DatasetInfo, fit: Fitting
) -> Iterator[tuple[Sequence[int], NDArray[Any]] | Damaged]:
    """Yield the images of a piece with their numbers; where one cannot be used, each of them by itself.

    Raises:
        DeepchordError: None of them can be used.
    """
    try:
        yield range(first, first + len(piece)), as_images(piece, dataset, fit, name=archive.name)
        return
    except DeepchordError:
        found: list[tuple[Sequence[int], NDArray[Any]] | Damaged] = []
        for number, image in enumerate(piece, first):
            name = f"{archive.name}[{number}]"
            try:
                found.append(((number,), as_images(image[None], dataset, fit, name=name)))
            except DeepchordError as error:
                found.append(Damaged(name=name, error=error))
        if all(isinstance(each, Damaged) for each in found):
            raise
    yield from found


def _labels(archive: _Archive, dataset: DatasetInfo) -> NDArray[Any]:
    """Return the labels of an archive; see `unknown_labels` if it has none."""
    if archive.labels is None:
        return unknown_labels(archive.images, dataset)
    from deepchord.shared.datasets.checks import checked_labels  # with its room it takes longer than a prediction

    given = read_npz(_open(archive.file), archive.name, (archive.labels,))[archive.labels]
    if dataset.targets:
        return numbers_of_array(given, archive.images, dataset, f"{archive.name}: {archive.labels}")
    labels, classes = checked_labels(given, archive.images, f"{archive.name}: {archive.labels}")
    if classes > dataset.classes:
        raise InputError(
            f"{archive.name}: {archive.labels} tells of {classes} classes, and the networks know {dataset.classes}: "
            "give the images without labels, or those of the same classes."
        )
    return labels


def _open(file: Path | bytes) -> Path | io.BytesIO:
    return io.BytesIO(file) if isinstance(file, bytes) else file
