"""Images of files, folders, archives and standard input, a lot at a time, however many there are."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.converted import warn_of
from deepchord.ensemble.inputs.image_archives import ImageArchive, archive_lots, find_archive
from deepchord.ensemble.inputs.lots import LOT, STDIN, ZIP, Damaged, Lot
from deepchord.ensemble.inputs.numbers import unknown_labels
from deepchord.ensemble.inputs.values import checked_values
from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import DeepchordError, InputError
from deepchord.shared.images import SUFFIXES, read_picture
from deepchord.shared.messages import DatasetInfo, Fitting

#: Files that are no images for sure; others are opened.
_TABLES = (".csv", ".tsv", ".parquet", ".pq")


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """An image file."""

    path: Path
    #: The class that its folder is named after; -1: none.
    label: int


Source = _Picture | ImageArchive | bytes


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a command is to predict."""

    sources: tuple[Source, ...]

    def __len__(self) -> int:
        return sum(source.images if isinstance(source, ImageArchive) else 1 for source in self.sources)

    @property
    def labelled(self) -> bool:
        """Whether any image has a label."""
        return any(
            source.labels is not None if isinstance(source, ImageArchive) else source.label >= 0
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
        elif path.suffix.lower() in _TABLES:
            raise InputError(
                f"{printable_path(path)} is a table, and the networks take images of "
                f"{'x'.join(map(str, dataset.image_shape))}: give image files, folders of them, or .npz files."
            )
        elif path.suffix.lower() == ".npz":
            found.append(find_archive(path, printable_path(path)))
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
        if isinstance(source, ImageArchive):
            yield from _lot_of(waiting, dataset, inputs.labelled)
            yield from archive_lots(source, dataset, fit, channels_first, inputs.labelled)
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
    warn_of(checked_values(pixels, dataset))
    return pixels


def _lot_of(waiting: list[tuple[str, NDArray[np.uint8], int]], dataset: DatasetInfo, labelled: bool) -> Iterator[Lot]:
    """Yield the images that wait, if there are any; none waits afterwards."""
    if not waiting:
        return
    names, pixels, labels = zip(*waiting, strict=True)
    waiting.clear()
    told = np.array(labels, dtype=np.int64) if dataset.class_names else unknown_labels(len(names), dataset)
    yield Lot(names=names, pixels=np.stack(pixels), labels=told if labelled else None)


def _from_stdin() -> Source:
    data = sys.stdin.buffer.read()
    if not data:
        raise InputError("Standard input is empty: expected an image file or an .npz on it.")
    return find_archive(data, "standard input") if data.startswith(ZIP) else data


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
