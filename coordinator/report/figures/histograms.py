"""What the first columns of a table hold in each class, as histograms."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from deepchord.coordinator.report.figures.drawing import (
    ACCENT,
    HOT,
    INK,
    MUTED,
    fitted_names,
    new_figure,
    tidy_axes,
)
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import CategoryColumn, DateColumn, NumberColumn, TableColumn
from deepchord.shared.tables import Table, as_dates, as_numbers, as_texts, days, missing_rows

_MAX_COLUMNS, _IN_A_ROW = 12, 3
#: Of more classes the largest are drawn: more lines cannot be told apart.
_COLOURS = (ACCENT, HOT, "#3b5ba5", "#c99a2e", "#7b3f8c", "#6f8f2f", "#a8325e", "#6f6f6f")
_BINS, _MAX_TEXTS = 24, 8
#: Bins reach so many times the distance of the quartiles from the median; the outer ones hold what lies beyond.
_FARTHEST = 4.0
#: Inches that the name of a category, a column or a class may take.
_TEXT_WIDTH, _TITLE_WIDTH, _CLASS_WIDTH = 0.8, 2.6, 1.6


@dataclass(frozen=True, kw_only=True, eq=False)
class _Histogram:
    """The values of a column that are drawn, and their bins."""

    #: A number for each training row, NaN where it is missing [rows].
    values: NDArray[np.float64]
    #: [bins + 1].
    edges: NDArray[np.floating[Any]]
    #: What the bins are called; empty: by their numbers.
    names: tuple[str, ...] = ()


def draw_histograms(dataset: Dataset) -> Figure:
    """Return a figure of the first 12 columns of a table: of each class the share of its rows in each bin.

    Args:
        dataset: A table with its rows as they were read.
    """
    assert dataset.table is not None, "only tables have columns"  # noqa: S101  for the type checker
    assert dataset.rows is not None, "rows as they were read"  # noqa: S101  for the type checker
    columns, classes = dataset.table.columns[:_MAX_COLUMNS], _largest_classes(dataset)
    lines = ceil(len(columns) / _IN_A_ROW)
    figure = new_figure(3.1 * min(len(columns), _IN_A_ROW) + 0.4, 2.5 * lines + 0.8)
    grid = figure.subplots(lines, min(len(columns), _IN_A_ROW), squeeze=False).reshape(-1)
    titles = fitted_names({place: column.name for place, column in enumerate(columns)}, _TITLE_WIDTH, 11)
    for place, column in enumerate(columns):
        histogram = _histogram(column, dataset.rows[0])
        tidy_axes(grid[place], titles[place], "")
        for colour, index in zip(_COLOURS, classes, strict=False):
            _draw_class(grid[place], histogram, dataset.y_train == index, colour)
        _name_bins(grid[place], histogram, column)
    for axes in grid[len(columns) :]:
        axes.set_axis_off()
    names = fitted_names({index: dataset.class_names[index] for index in classes}, _CLASS_WIDTH, 8)
    figure.legend(
        grid[0].patches[1::2],
        [names[index] for index in classes],
        loc="outside lower left",
        ncols=min(len(classes), 4),
        fontsize=8,
        labelcolor=INK,
        frameon=False,
    )
    figure.suptitle(_title(dataset, len(columns), len(classes)), x=0.01, ha="left", fontsize=9, color=MUTED)
    return figure


def _largest_classes(dataset: Dataset) -> list[int]:
    """Return the classes that are drawn, in their order."""
    sizes = np.bincount(dataset.y_train, minlength=len(dataset.class_names))
    largest = np.argsort(-sizes, kind="stable")[: len(_COLOURS)]
    return sorted(int(index) for index in largest if sizes[index])


def _title(dataset: Dataset, columns: int, classes: int) -> str:
    assert dataset.table is not None, "only tables have columns"  # noqa: S101  for the type checker
    of_columns = f"first {columns} of {len(dataset.table.columns):,} columns" if dataset.table.columns[columns:] else ""
    of_classes = f"{classes} largest of {len(dataset.class_names):,} classes" * (classes < len(dataset.class_names))
    return "; ".join(filter(None, ("Share of each class's training rows", of_columns, of_classes)))


def _histogram(column: TableColumn, rows: Table) -> _Histogram:
    values = rows.columns[column.name]
    if isinstance(column, NumberColumn):
        return _of_numbers(as_numbers(values, column.name, rows.source), column)
    if isinstance(column, DateColumn):
        return _of_numbers(days(as_dates(values, column.name, rows.source)), column)
    texts = as_texts(values)
    found, counts = np.unique(texts[~missing_rows(values)].astype(str), return_counts=True)
    names = found[np.argsort(-counts, kind="stable")[:_MAX_TEXTS]].tolist()
    places = {name: float(place) for place, name in enumerate(sorted(names))}
    rarer = float(len(names))
    numbers = np.array([np.nan if text is None else places.get(text, rarer) for text in texts])
    bins = (*sorted(names), "others") if len(found) > len(names) else tuple(sorted(names))
    return _Histogram(values=numbers, edges=np.arange(len(bins) + 1) - 0.5, names=bins)


def _of_numbers(values: NDArray[np.float64], column: NumberColumn | DateColumn) -> _Histogram:
    known = np.unique(values[~np.isnan(values)])
    if len(known) <= _BINS and np.array_equal(known, np.rint(known)) and known[-1] - known[0] < 2 * _BINS:
        return _Histogram(values=values, edges=np.arange(known[0], known[-1] + 2) - 0.5)
    far = _FARTHEST * column.scale
    low, high = max(known[0], column.center - far), min(known[-1], column.center + far)
    if not low < high:
        low, high = column.center - 0.5, column.center + 0.5
    return _Histogram(values=np.clip(values, low, high), edges=np.linspace(low, high, _BINS + 1, dtype=np.float64))


def _draw_class(axes: Axes, histogram: _Histogram, chosen: NDArray[np.bool_], colour: str) -> None:
    own = histogram.values[chosen]
    counts, _ = np.histogram(own[~np.isnan(own)], histogram.edges)
    axes.stairs(counts / len(own), histogram.edges, color=colour, fill=True, alpha=0.12)
    axes.stairs(counts / len(own), histogram.edges, color=colour, lw=1.2)


def _name_bins(axes: Axes, histogram: _Histogram, column: TableColumn) -> None:
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if histogram.names:
        names = fitted_names(dict(enumerate(histogram.names)), _TEXT_WIDTH, 7)
        axes.set_xticks(list(names), labels=list(names.values()), fontsize=7)
        if len(names) > 3 and isinstance(column, CategoryColumn):
            axes.tick_params(axis="x", rotation=60)
    elif isinstance(column, DateColumn):
        locator = AutoDateLocator(maxticks=4)  # type: ignore[no-untyped-call]  # in matplotlib
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # as above
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
