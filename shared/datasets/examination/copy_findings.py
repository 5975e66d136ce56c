"""What equal images or rows of a data set tell, in sentences that say what deepchord does."""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from deepchord.shared.datasets.examination.copies import Copies
from deepchord.shared.messages import DatasetFinding

#: What an image or row has to be predicted.
Label: TypeAlias = Literal["class", "number", "set of labels"]
#: The kind of the finding that test images are training images, too.
OVERLAP = "overlap"
_SEVERAL: Mapping[Label, str] = {"class": "classes", "number": "numbers", "set of labels": "sets of labels"}


def overlap(copies: Copies, test_size: int, label: Label) -> Iterator[DatasetFinding]:
    """Yield how many test images are training images, too.

    Args:
        copies: The equal images.
        test_size: The number of test images.
        label: What each of them has.
    """
    if copies.test_in_train:
        are = "is a training image" if copies.test_in_train == 1 else "are training images"
        has = "has" if copies.test_in_train_otherwise == 1 else "have"
        otherwise = f" {copies.test_in_train_otherwise:,} of them {has} another {label} there."
        yield DatasetFinding(
            kind=OVERLAP,
            level="warning",
            text=f"{copies.test_in_train:,} of {test_size:,} test images {are}, too, to the last bit: the test scores "
            f"are better than those of new images would be.{otherwise if copies.test_in_train_otherwise else ''}",
        )


def copy_findings(copies: Copies, test_size: int, label: Label) -> Iterator[DatasetFinding]:
    """Yield what equal images tell; see `overlap` for the arguments."""
    yield from overlap(copies, test_size, label)
    if copies.within_train_otherwise:
        yield DatasetFinding(
            kind="contradictions",
            level="warning",
            text=f"{_count(copies.within_train_otherwise, 'occurs', 'occur')} with several {_SEVERAL[label]}; each "
            "copy counts.",
        )
    if copies.within_train:
        yield DatasetFinding(
            kind="copies",
            level="note",
            text=f"{_count(copies.within_train, 'is', 'are')} equal to an earlier one; each copy counts.",
        )


def row_copy_findings(copies: Copies, train: int, test: int, label: Label) -> Iterator[DatasetFinding]:
    """Yield what equal rows tell: where columns have few values rows are equal by chance, and need not be one case."""
    if 2 * copies.within_train > train:
        yield DatasetFinding(
            kind="common_rows",
            level="note",
            text=f"{copies.within_train:,} of {train:,} training rows are equal to an earlier one in all columns that "
            f"are used, and {copies.test_in_train:,} of {test:,} test rows to a training row, as rows of few different "
            "values are; each row counts.",
        )
    elif copies.test_in_train:
        are = "is equal to a training row" if copies.test_in_train == 1 else "are equal to training rows"
        has = "has" if copies.test_in_train_otherwise == 1 else "have"
        otherwise = f" {copies.test_in_train_otherwise:,} of them {has} another {label} there."
        yield DatasetFinding(
            kind=OVERLAP,
            level="warning",
            text=f"{copies.test_in_train:,} of {test:,} test rows {are} in all columns that are used: if they are the "
            "same cases, the test scores are better than those of new rows would be."
            f"{otherwise if copies.test_in_train_otherwise else ''}",
        )
    for finding in copy_findings(copies, test, label):
        if finding.kind == "contradictions" or (finding.kind == "copies" and 2 * copies.within_train <= train):
            yield finding.model_copy(update={"level": "note"})


def _count(images: int, one: str, several: str) -> str:
    return f"1 training image {one}" if images == 1 else f"{images:,} training images {several}"
