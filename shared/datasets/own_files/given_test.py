"""Images for the test from a path of their own: checked against those for training, their classes found by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.checks import checked_class_names, checked_labels
from deepchord.shared.datasets.predicted import CLASS_NAMES
from deepchord.shared.datasets.targets import TARGET_NAMES
from deepchord.shared.errors import DatasetError

Arrays = Mapping[str, NDArray[Any]]
#: A sentence names at most so many classes.
_MOST_NAMED = 10


def with_given_test(train: Arrays, source: str, given: Arrays, given_source: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a data set, with those of another path for the test.

    Args:
        train: `x_train`, `y_train`, and perhaps `class_names` or `target_names`.
        source: Where they came from, for errors.
        given: The same of the other path: what it has for a test, or else all of it, is for the test.
        given_source: Where those came from.

    Raises:
        DatasetError: There are test images already, or those that are given have other classes or numbers.
    """
    refuse_two_tests(train, source, given_source)
    part = scored_part(given)
    images, labels = given[f"x_{part}"], given[f"y_{part}"]
    _check_predicted(train, source, given, given_source)
    if TARGET_NAMES not in train:
        labels = labels_as_trained(labels, len(images), (train, source), (given, f"{given_source}: y_{part}"))
    return {**train, "x_test": images, "y_test": labels}


def refuse_two_tests(train: Arrays, source: str, given_source: str) -> None:
    """Raise `DatasetError` if a data set tells its test itself, and another one is given."""
    if {"x_test", "y_test"} & set(train):
        raise DatasetError(
            f"{source} says itself what is for the test, and --test gives {given_source}: leave one of them out."
        )


def scored_part(given: Arrays) -> str:
    """Return which part of the arrays is for the test: `test`, or `train` if they have no other."""
    return "test" if "x_test" in given else "train"


def labels_as_trained(
    labels: NDArray[Any], size: int, train: tuple[Arrays, str], given: tuple[Arrays, str]
) -> NDArray[np.int64]:
    """Return labels of the test as the training counts the classes: by their names, if both have some.

    Args:
        labels: The labels of the test, as `checked_labels` takes them.
        size: How many images or rows they are of.
        train: The arrays for training, with `class_names` or without, and where they came from.
        given: The arrays that the labels came with, and what the labels are called.

    Raises:
        DatasetError: The labels are not valid, or of classes that the training does not have.
    """
    codes, classes = checked_labels(labels, size, given[1])
    known, told = train[0].get(CLASS_NAMES), given[0].get(CLASS_NAMES)
    if told is None:
        return codes
    names = checked_class_names(told, classes, given[1])
    numbers = tuple(map(str, range(len(names))))
    if known is None:
        if names != numbers:
            raise DatasetError(
                f"{given[1]} has names of its classes ({_listed(names)}), and {train[1]} has none: give class_names in "
                "both, or in neither."
            )
        return codes
    trained = checked_class_names(known, 0, train[1])
    if names == numbers[: len(trained)] and not set(names) <= set(trained):
        return codes
    places = np.array([trained.index(name) if name in trained else -1 for name in names], dtype=np.int64)
    unknown = [names[code] for code in np.unique(codes) if places[code] < 0]
    if unknown:
        raise DatasetError(
            f"{given[1]} has the {'class' if len(unknown) == 1 else 'classes'} {_listed(unknown)}, and {train[1]} "
            f"{_listed(trained)}: a network cannot know other classes than those that it is trained on."
        )
    return places[codes]


def _check_predicted(train: Arrays, source: str, given: Arrays, given_source: str) -> None:
    """Raise `DatasetError` unless both are of classes, or of numbers of the same names."""
    of_numbers = TARGET_NAMES in train, TARGET_NAMES in given
    if of_numbers[0] != of_numbers[1]:
        what = ["numbers to predict" if each else "classes" for each in of_numbers]
        raise DatasetError(f"{source} is of {what[0]}, and {given_source} of {what[1]}: expected the same of both.")
    if of_numbers[0] and list(train[TARGET_NAMES]) != list(given[TARGET_NAMES]):
        names = [_listed([str(name) for name in each[TARGET_NAMES]]) for each in (train, given)]
        raise DatasetError(f"{source} is of the numbers {names[0]}, and {given_source} of {names[1]}.")


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
