"""The arrays of a prediction, whose first axis is that of the images or rows: frozen, cut and joined."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    P = TypeVar("P", bound=DataclassInstance)
else:
    P = TypeVar("P")

#: The field whose first axis is that of the members; that of the rows comes second.
_MEMBERS = "members"


def freeze(prediction: "DataclassInstance") -> None:
    """Make all arrays of a prediction read-only."""
    for _, array in _arrays(prediction):
        array.flags.writeable = False


def cut(prediction: P, start: int, stop: int) -> P:
    """Return the prediction of the rows from `start` up to, not including, `stop`."""
    return replace(
        prediction,
        **{
            name: array[:, start:stop] if name == _MEMBERS else array[start:stop] for name, array in _arrays(prediction)
        },
    )


def joined(parts: list[P]) -> P:
    """Return the predictions of several lots of rows as one; at least one."""
    if len(parts) == 1:
        return parts[0]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=1 if name == _MEMBERS else 0)
        for name, _ in _arrays(parts[0])
    }
    return replace(parts[0], **arrays)


def _arrays(prediction: "DataclassInstance") -> Iterator[tuple[str, NDArray[Any]]]:
    for field in fields(prediction):
        value = getattr(prediction, field.name)
        if isinstance(value, np.ndarray):
            yield field.name, value
