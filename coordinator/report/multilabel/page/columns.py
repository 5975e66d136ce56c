"""The columns of a table whose rows have labels: what is typical where each label applies."""

from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.page.columns import MAX_COLUMN_CLASSES, MAX_COLUMNS, ColumnLine, typical_rows
from deepchord.shared.tables import shown_rows


def column_lines(content: MultilabelContent) -> tuple[ColumnLine, ...]:
    """Return the columns of a table with what is typical of the rows of each of the first labels; none of images."""
    dataset = content.dataset
    if dataset.table is None:
        return ()
    flags = dataset.y_train.T[:MAX_COLUMN_CLASSES]
    parts = [dataset.x_train[of_label == 1] for of_label in flags]
    shown = shown_rows(typical_rows(parts, dataset.table), dataset.table)
    return tuple(
        ColumnLine(name=column.name, kind=column.kind, values=tuple(row[place][1] for row in shown))
        for place, column in enumerate(dataset.table.columns[:MAX_COLUMNS])
    )
