"""All that is found out about a data set before a training."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.examination.columns import ColumnOutline, column_outlines, left_out_findings
from deepchord.shared.datasets.examination.copies import Copies, count_copies
from deepchord.shared.datasets.examination.copy_findings import Label, copy_findings, overlap, row_copy_findings
from deepchord.shared.datasets.examination.fingerprints import fingerprints
from deepchord.shared.datasets.examination.survey import Survey, survey_both
from deepchord.shared.datasets.examination.values import constant_findings, shape_findings, value_findings
from deepchord.shared.messages import DatasetFinding, ImageFiles, PixelValues, StratifiedSplit
from deepchord.shared.network import Task
from deepchord.shared.tables import in_rows
from deepchord.shared.validation import Message

if TYPE_CHECKING:
    from deepchord.shared.datasets.dataset import Dataset

#: So many values are looked at in one go.
_PIECE = 2**22


class ClassCount(Message):
    """How many images or rows a class has, or to how many a label applies."""

    name: str
    train: int
    test: int


class NumberOutline(Message):
    """What numbers there are."""

    lowest: float
    highest: float
    mean: float
    standard_deviation: float


class TargetOutline(Message):
    """The numbers to predict, in training and test, each in the target's own unit."""

    name: str
    train: NumberOutline
    test: NumberOutline


class PartOutline(Message):
    """The images, or the rows of a table, of training or test."""

    size: int
    #: Height, width and channels of images; the number of a row's features.
    shape: tuple[int, int, int] | tuple[int]
    #: Of images only; the columns of a table have their own outlines.
    pixels: PixelValues | None = None
    mean: float | None = None
    standard_deviation: float | None = None


class Examination(Message):
    """What a data set holds, and what was noticed."""

    name: str
    train: PartOutline
    test: PartOutline
    #: Empty: something else than classes is predicted.
    classes: tuple[ClassCount, ...]
    files: ImageFiles | None
    split: StratifiedSplit | None
    #: Test images (or rows) that are training images, too; training images that are equal to an earlier one.
    test_images_in_train: int
    copies_within_train: int
    findings: tuple[DatasetFinding, ...]
    #: Of a table: the column that is predicted, and all others.
    target: str | None = None
    columns: tuple[ColumnOutline, ...] = ()
    #: The numbers that are predicted; empty: something else is.
    numbers: tuple[TargetOutline, ...] = ()
    #: To how many images or rows each label applies; empty: something else than labels is predicted.
    labels: tuple[ClassCount, ...] = ()


def examine(dataset: "Dataset") -> Examination:
    """Return what a data set holds and what was noticed, also when it was read; each image or row is looked at."""
    surveys = survey_both(dataset)
    copies = _copies(dataset, surveys)
    return Examination(
        name=dataset.name,
        train=_outline(dataset.x_train, surveys[0]),
        test=_outline(dataset.x_test, surveys[1]),
        classes=_class_counts(dataset) if dataset.task == "classification" else (),
        files=dataset.files,
        split=dataset.split,
        test_images_in_train=copies.test_in_train,
        copies_within_train=copies.within_train,
        findings=all_findings(dataset, surveys),
        target=None if dataset.table is None else dataset.table.target,
        columns=column_outlines(dataset),
        numbers=tuple(
            TargetOutline(
                name=target.name,
                train=_number_outline(dataset.y_train[:, place]),
                test=_number_outline(dataset.y_test[:, place]),
            )
            for place, target in enumerate(dataset.targets)
        ),
        labels=_label_counts(dataset) if dataset.label_names else (),
    )


def _class_counts(dataset: "Dataset") -> tuple[ClassCount, ...]:
    train, test = (
        np.bincount(labels, minlength=len(dataset.class_names)).tolist() for labels in (dataset.y_train, dataset.y_test)
    )
    return tuple(
        ClassCount(name=name, train=train[index], test=test[index]) for index, name in enumerate(dataset.class_names)
    )


def _label_counts(dataset: "Dataset") -> tuple[ClassCount, ...]:
    train, test = (flags.sum(axis=0, dtype=np.int64).tolist() for flags in (dataset.y_train, dataset.y_test))
    return tuple(
        ClassCount(name=name, train=train[place], test=test[place]) for place, name in enumerate(dataset.label_names)
    )


def _number_outline(numbers: NDArray[np.float64]) -> NumberOutline:
    return NumberOutline(
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
        mean=float(numbers.mean()),
        standard_deviation=float(numbers.std()),
    )


def all_findings(dataset: "Dataset", surveys: tuple[Survey, Survey] | None = None) -> tuple[DatasetFinding, ...]:
    """Return what was noticed when a data set was read, and what its images and classes tell.

    Args:
        dataset: The data set.
        surveys: What its images for training and test tell; None: they are looked at.
    """
    surveys = surveys or survey_both(dataset)
    copies, label = _copies(dataset, surveys), _label(dataset)
    if dataset.table is None:
        found = (
            *dataset.findings,
            *copy_findings(copies, len(dataset.x_test), label),
            *value_findings(dataset, surveys),
        )
        found = (*found, *constant_findings(surveys), *shape_findings(dataset), *_split_findings(dataset))
        return (*found, *_given_test_findings(dataset))
    copied_rows = _in_words_of_rows(row_copy_findings(copies, len(dataset.x_train), len(dataset.x_test), label))
    drawn = _in_words_of_rows(_split_findings(dataset))
    found = (*dataset.findings, *left_out_findings(dataset.table), *copied_rows, *value_findings(dataset), *drawn)
    return (*found, *_given_test_findings(dataset))


def _label(dataset: "Dataset") -> Label:
    labels: Mapping[Task, Label] = {"classification": "class", "regression": "number", "multilabel": "set of labels"}
    return labels[dataset.task]


def _in_words_of_rows(findings: Iterator[DatasetFinding]) -> Iterator[DatasetFinding]:
    """Yield findings whose texts hold no names of a person's own, in words of rows instead of images."""
    for each in findings:
        yield each.model_copy(update={"text": in_rows(each.text)})


def overlap_findings(dataset: "Dataset") -> tuple[DatasetFinding, ...]:
    """Return whether test images are training images, too."""
    found = fingerprints(dataset.x_train), fingerprints(dataset.x_test)
    copies = count_copies(found[0], dataset.y_train, found[1], dataset.y_test)
    return tuple(overlap(copies, len(dataset.x_test), _label(dataset)))


def _copies(dataset: "Dataset", surveys: tuple[Survey, Survey]) -> Copies:
    train, test = surveys
    return count_copies(train.fingerprints, dataset.y_train, test.fingerprints, dataset.y_test)


def _outline(images: NDArray[Any], found: Survey) -> PartOutline:
    if images.ndim == 2:
        return PartOutline(size=len(images), shape=(images.shape[1],))
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
        pixels=PixelValues(
            type="uint8" if images.dtype == np.uint8 else "float32", lowest=found.lowest, highest=found.highest
        ),
        mean=mean,
        standard_deviation=max(0.0, square / images.size - mean * mean) ** 0.5,
    )


def _split_findings(dataset: "Dataset") -> Iterator[DatasetFinding]:
    if dataset.split is not None:
        of_what = "each class" if dataset.task == "classification" else "all"
        yield DatasetFinding(
            kind="drawn_test",
            level="note",
            text=f"No test images were given: {len(dataset.x_test):,} were drawn, about {dataset.split.share:.0%} of "
            f"{of_what}, with the seed {dataset.split.seed}.",
        )


def _given_test_findings(dataset: "Dataset") -> Iterator[DatasetFinding]:
    if dataset.test_name is not None:
        what = "images" if dataset.table is None else "rows"
        text = f"The test {what} are those of {dataset.test_name}, which was given for the test."
        yield DatasetFinding(kind="given_test", level="note", text=text)
