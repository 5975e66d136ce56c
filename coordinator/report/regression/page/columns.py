"""The columns of a table whose rows have numbers: what is typical, and how each goes with the numbers."""

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.page.columns import MAX_COLUMNS, ColumnLine, typical_rows
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.shared.tables import shown_rows

#: Rows with a low, a middling and a high number are each a third of the training rows.
THIRDS = ("lowest third", "middle third", "highest third")


def column_lines(content: RegressionContent) -> tuple[ColumnLine, ...]:
    """Return the columns of a table with what is typical by the first number; none of images."""
    table = content.dataset.table
    if table is None:
        return ()
    shown = shown_rows(_typical_rows(content), table)
    return tuple(
        ColumnLine(name=column.name, kind=column.kind, values=tuple(row[place][1] for row in shown))
        for place, column in enumerate(table.columns[:MAX_COLUMNS])
    )


def _typical_rows(content: RegressionContent) -> NDArray[np.float32]:
    dataset = content.dataset
    assert dataset.table is not None, "only tables have columns"  # noqa: S101  for the type checker
    ordered = np.argsort(dataset.y_train[:, 0], kind="stable")
    return typical_rows([dataset.x_train[part] for part in np.array_split(ordered, len(THIRDS))], dataset.table)
