"""Labels of rows as texts, and as the numbers of known classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.tables.table import Column
from deepchord.shared.tables.values import as_texts, number_of

#: A label that is not printable is shown with this in place of the characters that are not.
_UNPRINTABLE = "\ufffd"


def label_texts(column: Column) -> list[str]:
    """Return labels, none of which is missing, as texts that can be printed."""
    return [_printable(text or "") for text in as_texts(column).tolist()]


def known_labels(column: Column, class_names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class of each row, -1 where it is missing or not known; 1.0 is the class 1, and the other way."""
    places: dict[object, int] = {number_of(name): place for place, name in enumerate(class_names)}
    places |= {name: place for place, name in enumerate(class_names)}
    codes = (-1 if text is None else _place(_printable(text), places) for text in as_texts(column).tolist())
    return np.fromiter(codes, np.int64, len(column))


def _place(label: str, places: Mapping[object, int]) -> int:
    number = number_of(label)
    return places.get(label, -1 if number is None else places.get(number, -1))


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(each if each.isprintable() else _UNPRINTABLE for each in text)
