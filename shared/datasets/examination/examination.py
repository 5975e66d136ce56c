"""All that is found out about a data set before a training."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.examination.copies import Copies, count_copies
from deepchord.shared.datasets.examination.values import constant_findings, shape_findings, value_findings
from deepchord.shared.images import pixel_values
from deepchord.shared.messages import DatasetFinding, ImageFiles, PixelValues, StratifiedSplit
from deepchord.shared.tables import in_rows
from deepchord.shared.validation import Message

if TYPE_CHECKING:
    from deepchord.shared.datasets.dataset import Dataset

#: The kind of the finding that test images are training images, too.
OVERLAP = "overlap"
#: So many values are looked at in one go.
_PIECE = 2**22


class ClassCount(Message):
    """How many images a class has."""

    name: str
    train: int
    test: int


class PartOutline(Message):
    """The images of training or test."""

    size: int
    shape: tuple[int, int, int]
    pixels: PixelValues
    mean: float
    standard_deviation: float


class Examination(Message):
    """What a data set holds, and what was noticed."""

    name: str
    train: PartOutline
    test: PartOutline
    classes: tuple[ClassCount, ...]
    files: ImageFiles | None
    split: StratifiedSplit | None
    #: Test images that are training images, too; training images that are equal to an earlier one.
    test_images_in_train: int
    copies_within_train: int
    findings: tuple[DatasetFinding, ...]


def examine(dataset: "Dataset") -> Examination:
    """Return what a data set holds and what was noticed, also when it was read; each image is looked at."""
    train, test = (
        np.bincount(labels, minlength=len(dataset.class_names)).tolist() for labels in (dataset.y_train, dataset.y_test)
    )
    copies = count_copies(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    return Examination(
        name=dataset.name,
        train=_outline(dataset.x_train),
        test=_outline(dataset.x_test),
        classes=tuple(
            ClassCount(name=name, train=train[index], test=test[index])
            for index, name in enumerate(dataset.class_names)
        ),
        files=dataset.files,
        split=dataset.split,
        test_images_in_train=copies.test_in_train,
        copies_within_train=copies.within_train,
        findings=all_findings(dataset, copies),
    )


def all_findings(dataset: "Dataset", copies: Copies | None = None) -> tuple[DatasetFinding, ...]:
    """Return what was noticed when a data set was read, and what its images and classes tell.

    Args:
        dataset: The data set.
        copies: How many of its images are equal to others; None: they are counted.
    """
    copies = copies or count_copies(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    found = (*dataset.findings, *_copy_findings(copies, len(dataset.x_test)), *value_findings(dataset))
    if dataset.table is None:
        return (*found, *constant_findings(dataset), *shape_findings(dataset), *_split_findings(dataset))
    all_found = (*found, *_split_findings(dataset))
    return tuple(each.model_copy(update={"text": in_rows(each.text)}) for each in all_found)


def overlap_findings(dataset: "Dataset") -> tuple[DatasetFinding, ...]:
    """Return whether test images are training images, too."""
    copies = count_copies(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    return tuple(_overlap(copies, len(dataset.x_test)))


def _outline(images: NDArray[Any]) -> PartOutline:
    height, width, channels = images.shape[1:]
    # In pieces: NumPy's own mean and deviation of all images at once take eight times their memory.
    total = square = 0.0
    step = max(1, _PIECE // (height * width * channels))
    for start in range(0, len(images), step):
        values = images[start : start + step].astype(np.float64).reshape(-1)
        total, square = total + float(values.sum()), square + float(values @ values)
    mean = total / images.size
    return PartOutline(
        size=len(images),
        shape=(height, width, channels),
        pixels=pixel_values(images),
        mean=mean,
        standard_deviation=max(0.0, square / images.size - mean * mean) ** 0.5,
    )


def _overlap(copies: Copies, test_size: int) -> Iterator[DatasetFinding]:
    if copies.test_in_train:
        are = "is a training image" if copies.test_in_train == 1 else "are training images"
        has = "has" if copies.test_in_train_otherwise == 1 else "have"
        otherwise = f" {copies.test_in_train_otherwise:,} of them {has} another class there."
        yield DatasetFinding(
            kind=OVERLAP,
            level="warning",
            text=f"{copies.test_in_train:,} of {test_size:,} test images {are}, too, to the last bit: the test scores "
            f"are better than those of new images would be.{otherwise if copies.test_in_train_otherwise else ''}",
        )


def _copy_findings(copies: Copies, test_size: int) -> Iterator[DatasetFinding]:
    yield from _overlap(copies, test_size)
    if copies.within_train_otherwise:
        yield DatasetFinding(
            kind="contradictions",
            level="warning",
            text=f"{_count(copies.within_train_otherwise, 'occurs', 'occur')} with several classes; each copy counts.",
        )
    if copies.within_train:
        yield DatasetFinding(
            kind="copies",
            level="note",
            text=f"{_count(copies.within_train, 'is', 'are')} equal to an earlier one; each copy counts.",
        )


def _count(images: int, one: str, several: str) -> str:
    return f"1 training image {one}" if images == 1 else f"{images:,} training images {several}"


def _split_findings(dataset: "Dataset") -> Iterator[DatasetFinding]:
    if dataset.split is not None:
        yield DatasetFinding(
            kind="drawn_test",
            level="note",
            text=f"No test images were given: {len(dataset.x_test):,} were drawn, about {dataset.split.share:.0%} of "
            f"each class, with the seed {dataset.split.seed}.",
        )
