"""Images in an `.npz`, a lot at a time, however many there are."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.ensemble.inputs.arrays import as_images
from deepchord.ensemble.inputs.flags import flags_of_array
from deepchord.ensemble.inputs.lots import LOT, Damaged, Lot
from deepchord.ensemble.inputs.numbers import numbers_of_array, unknown_labels
from deepchord.shared.errors import DeepchordError, InputError
from deepchord.shared.files import npz_outlines, npz_rows, read_npz
from deepchord.shared.images import images_with_channels_last
from deepchord.shared.messages import DatasetInfo, Fitting

#: The arrays of images in an archive, the first that is there, and the labels that belong to each.
_ARRAYS = {"images": "labels", "x_test": "y_test", "x": "y"}
_OPTION = "--images-channels"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageArchive:
    """An `.npz` with images."""

    file: Path | bytes
    name: str
    #: The name of its array of images, and of their labels; None: it has none.
    array: str
    labels: str | None
    images: int


def find_archive(file: Path | bytes, name: str) -> ImageArchive:
    """Return what an `.npz` holds, of which no image is read yet.

    Args:
        file: Its path, or its bytes.
        name: What it is called in errors.

    Raises:
        InputError: It holds no images.
        DatasetError: It is damaged.
    """
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
    return ImageArchive(
        file=file, name=name, array=array, labels=labels if labels in present else None, images=len(present[array])
    )


def archive_lots(
    archive: ImageArchive, dataset: DatasetInfo, fit: Fitting, channels_first: bool | None, labelled: bool
) -> Iterator[Lot | Damaged]:
    """Yield the images of an archive in lots, and the damaged ones in between.

    Args:
        archive: As `find_archive` returns it.
        dataset: What the networks were trained on.
        fit: What is done with images of another size or with other channels.
        channels_first: See `read_inputs`.
        labelled: Whether lots have labels; images of an archive without them have -1.
    """
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
    piece: NDArray[Any], archive: ImageArchive, first: int, dataset: DatasetInfo, fit: Fitting
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


def _labels(archive: ImageArchive, dataset: DatasetInfo) -> NDArray[Any]:
    """Return the labels of an archive; see `unknown_labels` if it has none."""
    if archive.labels is None:
        return unknown_labels(archive.images, dataset)
    from deepchord.shared.datasets.checks import checked_labels  # with its room it takes longer than a prediction

    given = read_npz(_open(archive.file), archive.name, (archive.labels,))[archive.labels]
    if dataset.targets:
        return numbers_of_array(given, archive.images, dataset, f"{archive.name}: {archive.labels}")
    if dataset.label_names:
        return flags_of_array(given, archive.images, dataset, f"{archive.name}: {archive.labels}")
    labels, classes = checked_labels(given, archive.images, f"{archive.name}: {archive.labels}")
    if classes > dataset.classes:
        raise InputError(
            f"{archive.name}: {archive.labels} tells of {classes} classes, and the networks know {dataset.classes}: "
            "give the images without labels, or those of the same classes."
        )
    return labels


def _open(file: Path | bytes) -> Path | io.BytesIO:
    return io.BytesIO(file) if isinstance(file, bytes) else file
