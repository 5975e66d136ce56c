"""What a Python program gives as y, as plain arrays: nothing is missing or masked, and numbers are numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.multilabel import checked_flags, names_of_columns
from deepchord.shared.datasets.targets import checked_numbers
from deepchord.shared.errors import InputError
from deepchord.shared.network import Task
from deepchord.shared.tables import is_frame, is_missing, number_of, text_of
from deepchord.shared.validation import shortened


def plain_labels(given: Any, name: str, task: Task) -> NDArray[Any]:
    """Return classes or numbers as an array.

    Args:
        given: An array, a list, a column or a data frame: [size] or [size, columns].
        name: What it is called in errors.
        task: What is predicted.

    Returns:
        Of a regression float64 [size, targets], of labels uint8 [size, labels]; else numbers or texts, as they were
        given.

    Raises:
        InputError: A value is masked, missing, or no number where numbers are predicted; or there are no columns.
        DatasetError: A number to predict is too large.
    """
    if isinstance(given, np.ma.MaskedArray) and (masked := np.ma.getmaskarray(given)).any():
        raise InputError(f"{_place(name, masked)} is masked; {_KNOWN}.")
    labels = np.asarray(given)
    if labels.ndim > 1 and 0 in labels.shape[1:]:
        raise InputError(f"{name} has the shape {list(labels.shape)}; expected a class or a number for each row.")
    missing = _missing(labels)
    if missing.any():
        raise InputError(f"{_place(name, missing)} is missing; {_KNOWN}.")
    if task == "classification":
        return labels
    if labels.dtype.kind in "USO":
        labels = _numbers(labels, name)
    if task == "multilabel":
        return checked_flags(labels, len(labels), name) if labels.ndim in (1, 2) and len(labels) else labels
    return checked_numbers(labels, len(labels), name) if labels.ndim in (1, 2) and len(labels) else labels


def named_classes(
    names: tuple[str, ...] | None, *labels: NDArray[Any]
) -> tuple[tuple[str, ...] | None, list[NDArray[Any]]]:
    """Return the names of the classes and labels as their numbers, if the labels are texts or objects.

    Raises:
        InputError: The classes have other names, too, or there are several columns of texts.
    """
    if not any(each.dtype.kind in "USO" for each in labels):
        return names, list(labels)
    if names is not None:
        raise InputError("The classes have names already: leave class_names out, or give numbers as y.")
    for each in labels:
        if each.size != len(each):
            raise InputError(f"y has the shape {list(each.shape)} and holds texts; expected one class for each row.")
    texts = [[_text(value) for value in each.reshape(-1).tolist()] for each in labels]
    found, codes = np.unique(np.array([text for part in texts for text in part]), return_inverse=True)
    return tuple(found.tolist()), np.split(codes.reshape(-1), np.cumsum([len(part) for part in texts])[:-1])


def target_names(given: Any, labels: NDArray[Any], task: Task) -> tuple[str, ...]:
    """Return the names of the columns of labels: those of a data frame or column, `y`, or `y_0`, `y_1` and so on."""
    if task == "classification":
        return ("y",)
    if is_frame(given):
        return tuple(map(str, given.columns))
    if labels.ndim == 1 or labels.shape[1] == 1:
        name = getattr(given, "name", None)
        return (name if isinstance(name, str) and name.strip() else "y",)
    if task == "multilabel":
        return names_of_columns(labels.shape[1])
    return tuple(f"y_{number}" for number in range(labels.shape[1]))


_KNOWN = "leave out rows of which it is not known"


def _missing(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which labels are missing; a text is none of them, whatever it says: a class may be called `none`."""
    if labels.dtype.kind == "f":
        return np.asarray(np.isnan(labels))
    if labels.dtype.kind != "O":
        return np.zeros(labels.shape, dtype=np.bool_)
    found = [
        not isinstance(value, str) and (is_missing(value) or type(value).__name__ in ("NAType", "NaTType"))
        for value in labels.reshape(-1)
    ]
    return np.array(found, dtype=np.bool_).reshape(labels.shape)


def _numbers(labels: NDArray[Any], name: str) -> NDArray[np.float64]:
    flat = labels.reshape(-1)
    numbers = np.empty(flat.size, dtype=np.float64)
    for place, value in enumerate(flat.tolist()):
        number = number_of(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
        if number is None or np.isnan(number):
            where = _place(name, (np.arange(flat.size) == place).reshape(labels.shape))
            raise InputError(f"{where} is {shortened(value)}; expected a number, as numbers are predicted.")
        numbers[place] = number
    return numbers.reshape(labels.shape)


def _place(name: str, chosen: NDArray[np.bool_]) -> str:
    """Return the place of the first chosen value as Python writes it: y[3], or y[3, 0]."""
    return f"{name}[{', '.join(str(index) for index in np.argwhere(chosen)[0])}]"


def _text(value: object) -> str:
    return text_of(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
