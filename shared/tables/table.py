"""A table in memory: named columns of one length, whatever it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError

#: A column: float64 (NaN where one is missing), bool, datetime64[us] (NaT where one is missing), or objects, of which
#: each is a text, a number, a truth value, a date, or None where one is missing.
Column = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows of named columns."""

    #: What it is called in errors.
    source: str
    columns: Mapping[str, Column]
    #: How many rows it has.
    size: int

    def rows(self, chosen: NDArray[Any]) -> "Table":
        """Return the table of some rows.

        Args:
            chosen: Their numbers, or a truth value for each row.
        """
        columns = {name: column[chosen] for name, column in self.columns.items()}
        size = int(np.count_nonzero(chosen)) if chosen.dtype == np.bool_ else len(chosen)
        return Table(source=self.source, columns=columns, size=size)

    def without(self, name: str) -> "Table":
        """Return the table without a column; without change if it has none of that name."""
        columns = {each: column for each, column in self.columns.items() if each != name}
        return Table(source=self.source, columns=columns, size=self.size)


def new_table(columns: Mapping[str, Column], source: str) -> Table:
    """Return a table of columns; raise `DatasetError` if it has no columns or no rows."""
    size = min((len(column) for column in columns.values()), default=0)
    if size == 0:
        raise DatasetError(f"{source} holds no rows: expected a table with at least one row below its header.")
    return Table(source=source, columns=columns, size=size)


def unique_names(names: list[str], source: str) -> list[str]:
    """Return names of columns, without space around them; one that is empty is called by its number, from 1.

    Raises:
        DatasetError: Two columns have the same name.
    """
    found = [_as_utf8(name.strip()) or f"column_{number}" for number, name in enumerate(names, 1)]
    seen: set[str] = set()
    for number, name in enumerate(found, 1):
        if name in seen:
            raise DatasetError(f"{source}: column {number} is called {name!r} as one before it; give it another name.")
        seen.add(name)
    return found


def _as_utf8(text: str) -> str:
    """Return a text without what UTF-8 cannot hold, which messages are written in."""
    return text.encode("utf-8", "replace").decode("utf-8")
