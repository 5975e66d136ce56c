"""Another data set as the test of a run: classes or numbers are those of the run by their names; all may score."""

from dataclasses import replace

import numpy as np

from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetFinding

#: A sentence names at most so many classes.
_MOST_NAMED = 4


def with_classes_of(other: Dataset, trained_on: Dataset, run_id: str) -> Dataset:
    """Return a data set whose labels count the classes of a run.

    Classes are the same by their names, in any order; some may be missing. Numbers from 0 are those of the run in their
    order, if there are as many.

    Args:
        other: Any data set.
        trained_on: That of the run.
        run_id: The run, for the error.

    Raises:
        InputError: It has classes that the run does not know.
    """
    known = trained_on.class_names
    numbers = tuple(str(number) for number in range(len(known)))
    if other.class_names in (known, numbers):
        return replace(other, class_names=known)
    unknown = tuple(name for name in other.class_names if name not in known)
    if unknown:
        raise InputError(
            f"{other.name} has the {'class' if len(unknown) == 1 else 'classes'} {_listed(unknown)}, and run {run_id} "
            f"was trained on {_listed(known)}: give a data set of these classes, or what is of other kinds as --ood."
        )
    places = np.array([known.index(name) for name in other.class_names], dtype=np.int64)
    return replace(other, y_train=places[other.y_train], y_test=places[other.y_test], class_names=known)


def with_numbers_of(other: Dataset, trained_on: Dataset, run_id: str) -> Dataset:
    """Return a data set whose numbers are those of a run, in their order; the run standardises them.

    Args:
        other: Any data set of numbers.
        trained_on: That of the run.
        run_id: The run, for the error.

    Raises:
        InputError: It has other numbers.
    """
    known, given = (tuple(target.name for target in each.targets) for each in (trained_on, other))
    if set(known) != set(given):
        raise InputError(
            f"{other.name} has the numbers {_listed(given)}, and run {run_id} predicts {_listed(known)}: give a data "
            "set of these, named by target_names, or what is unlike the training as --ood."
        )
    places = [given.index(name) for name in known]
    return replace(other, y_train=other.y_train[:, places], y_test=other.y_test[:, places], targets=trained_on.targets)


def scored_alone(other: Dataset) -> tuple[Dataset, tuple[DatasetFinding, ...]]:
    """Return a data set of which all images are the test if nothing says which are, and a note that says so.

    Nothing is trained on it, so that no image has to be kept from the test.
    """
    if other.split is None:
        return other, ()
    images, labels = (np.concatenate(parts) for parts in ((other.x_train, other.x_test), (other.y_train, other.y_test)))
    text = f"Nothing says which images of {other.name} are for a test: all {len(images):,} are."
    return replace(other, x_test=images, y_test=labels, split=None), (
        DatasetFinding(kind="all_test", level="note", text=text),
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
