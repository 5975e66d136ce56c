"""What table files take: some rows, as named columns or as arrays."""

from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

#: The columns by their names, in their order; each has one value for each row.
Columns: TypeAlias = dict[str, NDArray[Any]]


class PredictedRows(Protocol):
    """The predictions of some rows or images, as a table tells them. All lots of a table tell the same."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def columns(self) -> Columns:
        """Return the columns of a table."""
        ...

    def arrays(self) -> Columns:
        """Return the arrays of an `.npz`, the rows along their first axis."""
        ...

    def names(self) -> Columns:
        """Return further arrays of an `.npz`, which name what the others tell of."""
        ...
