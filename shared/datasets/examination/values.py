"""What the values of images and the counts of their classes tell, in sentences that say what deepchord does."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.examination.survey import Survey
from deepchord.shared.images import value_limits
from deepchord.shared.messages import DatasetFinding

if TYPE_CHECKING:
    from deepchord.shared.datasets.dataset import Dataset

#: Standardized floats are well below this value; larger floats are most likely 0..255.
_LARGE_FLOAT = 16.0
#: The largest value of five bits; images of bytes normally have larger values.
_SMALL_BYTE = 31
#: The ranges of training and test differ suspiciously if one is so many times the other.
_OTHER_RANGE = 4.0
#: A class has few images if it has fewer than this, and classes are unequal from this factor on.
_FEW_IMAGES, _UNEQUAL = 10, 10
#: Numbers to predict are of very different sizes if the largest is so many times their median.
_FAR_ABOVE = 100
#: So many classes are named.
_NAMED = 4

Surveys = tuple[Survey, Survey]


def value_findings(dataset: "Dataset", surveys: Surveys | None = None) -> Iterator[DatasetFinding]:
    """Yield what is suspicious about the values of the images and about what is predicted, without comparing images.

    Of a table it is said in words of rows.

    Args:
        dataset: The data set.
        surveys: What its images for training and test tell; None: their values are looked at.
    """
    if dataset.table is None:  # the features of a table are scaled
        both = (dataset.x_train, dataset.x_test)
        largest = map(_largest, both) if surveys is None else (each.largest for each in surveys)
        yield from _scale(*largest, is_float=dataset.x_train.dtype == np.float32)
    predicted = {"classification": _classes, "regression": _numbers, "multilabel": _labels}
    yield from predicted[dataset.task](dataset)


def constant_findings(surveys: Surveys) -> Iterator[DatasetFinding]:
    """Yield how many images for training and test are of one value all over."""
    for part, found in zip(("training", "test"), surveys, strict=True):
        constant, black = found.constant, found.black
        if constant:
            of_them = f", {black:,} of them all black" if black else ""
            yield _finding(
                "constant_images",
                f"{_count(constant, f'{part} image')} of one value all over{of_them}: nothing can be learnt from them, "
                "and they are used as they are.",
            )


def shape_findings(dataset: "Dataset") -> Iterator[DatasetFinding]:
    """Yield what is unusual about the shape of the images."""
    height, width, channels = dataset.x_train.shape[1:]
    if height != width:
        yield _finding("not_square", f"Images are {height}x{width} pixels, and are used so.", "note")
    if channels not in (1, 3):
        yield _finding("channels", f"Images have {channels} channels; all are used.", "note")


def _scale(largest: float, of_test: float, *, is_float: bool) -> Iterator[DatasetFinding]:
    if is_float and largest > _LARGE_FLOAT:
        yield _finding(
            "not_scaled",
            f"Images are floats as large as {largest:g}, and floats are used as they are; save uint8 to have them "
            "scaled.",
        )
    if not is_float and 0 < largest <= _SMALL_BYTE:
        yield _finding(
            "scaled_to_little",
            f"Images are whole numbers of at most {largest:.0f}, and whole numbers are divided by 255 when they are "
            "used; save floats to have them used as they are.",
        )
    lower, higher = sorted((largest, of_test))
    if lower > 0 and higher / lower >= _OTHER_RANGE:
        yield _finding(
            "other_range",
            f"Training images reach {largest:g} and test images {of_test:g}: if they were scaled differently, scale "
            "them alike; they are used as they are.",
        )


def _numbers(dataset: "Dataset") -> Iterator[DatasetFinding]:
    for target, numbers in zip(dataset.targets, dataset.y_train.T, strict=True):
        if numbers.min() > 0 and numbers.max() >= _FAR_ABOVE * np.median(numbers):
            yield _finding(
                "wide_range",
                f"The numbers to predict in {target.name!r} reach {numbers.max() / np.median(numbers):,.0f} "
                "times their median: if ratios matter rather than differences, predict their logarithm.",
            )


def _labels(dataset: "Dataset") -> Iterator[DatasetFinding]:
    """Yield what the counts of the labels tell."""
    names, item = dataset.label_names, "image" if dataset.table is None else "row"
    train, test = (flags.sum(axis=0, dtype=np.int64) for flags in (dataset.y_train, dataset.y_test))
    for found, to_what in ((train == 0, "no"), (train == len(dataset.y_train), "each")):
        places = np.flatnonzero(found)
        if places.size:
            yield _finding(
                "constant_label",
                f"{_named_labels(places, names)} to {to_what} training {item}: nothing can be learnt about it.",
            )
    few = np.flatnonzero((train > 0) & (train < _FEW_IMAGES))
    if few.size:
        items = f"fewer than {_FEW_IMAGES} training {item}s"
        yield _finding(
            "few_images", f"{_named_labels(few, names)} to {items}: hardly anything can be learnt of so few."
        )
    untested = np.flatnonzero((test == 0) & (train > 0))
    if untested.size:
        text = f"{_named_labels(untested, names)} to no test {item}: neither F1 nor ROC-AUC is measured there."
        yield _finding("untested_label", text)


def _named_labels(places: NDArray[np.intp], names: tuple[str, ...]) -> str:
    """Return the first of some labels as the beginning of a sentence."""
    named = ", ".join(names[place] for place in places[:_NAMED])
    more = f" and {len(places) - _NAMED:,} more" if len(places) > _NAMED else ""
    return f"Label {named} applies" if len(places) == 1 else f"Labels {named}{more} apply"


def _classes(dataset: "Dataset") -> Iterator[DatasetFinding]:
    """Yield what the counts of the classes tell, of images or of rows: names of classes may hold either word."""
    names, item = dataset.class_names, "image" if dataset.table is None else "row"
    train = np.bincount(dataset.y_train, minlength=len(names))
    test = np.bincount(dataset.y_test, minlength=len(names))
    empty = np.flatnonzero(train == 0)
    if empty.size:
        hint = "labels count from 0" if empty[0] == 0 else "it is never predicted"
        yield _finding(
            "empty_class",
            f"No training {item} has the label {empty[0]} ({empty.size} of {len(names)} classes); {hint}.",
        )
    untested = np.flatnonzero((test == 0) & (train > 0))
    if untested.size:
        yield _finding("untested_class", f"No test {item} is of {_named(untested, names)}: nothing is measured there.")
    few = np.flatnonzero((train > 0) & (train < _FEW_IMAGES))
    if few.size:
        yield _finding(
            "few_images",
            f"{_few(train[few], item)} of {_named(few, names)}: hardly anything can be learnt of so few.",
        )
    used = train[train > 0]
    if not few.size and used.max() >= _UNEQUAL * used.min():
        yield _finding(
            "unequal_classes",
            f"Classes have from {used.min():,} to {used.max():,} training {item}s; each {item} counts alike.",
            "note",
        )


def _few(sizes: NDArray[np.intp], item: str) -> str:
    if len(sizes) > 1:
        return f"Fewer than {_FEW_IMAGES} training {item}s are"
    return f"Only 1 training {item} is" if sizes[0] == 1 else f"Only {sizes[0]} training {item}s are"


def _named(classes: NDArray[np.intp], names: tuple[str, ...]) -> str:
    named = ", ".join(names[index] for index in classes[:_NAMED])
    more = f" and {len(classes) - _NAMED:,} more" if len(classes) > _NAMED else ""
    return f"{'class' if len(classes) == 1 else f'{len(classes):,} classes:'} {named}{more}"


def _largest(images: NDArray[Any]) -> float:
    return float(np.abs(value_limits(images)).max())


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun} is" if count == 1 else f"{count:,} {noun}s are"


def _finding(kind: str, text: str, level: Literal["warning", "note"] = "warning") -> DatasetFinding:
    return DatasetFinding(kind=kind, level=level, text=text)
