"""The figures of predicted numbers, and which of them are written."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from deepchord.coordinator.report.content import percent
from deepchord.coordinator.report.figures import draw_shift_curves, draw_training_curves, save_figures
from deepchord.coordinator.report.figures.drawing import (
    ACCENT,
    HOT,
    MUTED,
    fitted_names,
    new_figure,
    tidy_axes,
    write_key,
)
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    MEASURES,
    TargetRows,
    error_histogram,
    quantile_curves,
    shift_curves,
    size_curves,
    target_rows,
)

#: More rows than this are drawn evenly thinned, more numbers not at all: the files have all of them.
_MAX_ROWS, _MAX_TARGETS = 400, 12
#: Marks on an axis are such numbers times a power of ten apart.
_STEPS = [1, 2, 2.5, 5, 10]
#: Inches that the name of a number may take.
_NAME_WIDTH = 3.4


def write_figures(content: RegressionContent, folder: Path) -> None:
    """Write all figures that can be drawn from the content into an existing folder, as PNG and SVG files."""
    drawings: Mapping[str, Callable[[], Figure | None]] = {
        "training_curves": partial(draw_training_curves, content, MEASURES),
        "predictions": partial(draw_predictions, content),
        "intervals": partial(draw_intervals, content),
        "residuals": partial(draw_residuals, content),
        "quantiles": partial(draw_quantiles, content),
        "members": partial(draw_sizes, content),
        "shifts": partial(draw_shift_curves, shift_curves(content)),
    }
    save_figures(drawings, folder)


def draw_predictions(content: RegressionContent) -> Figure:
    """Return predicted against actual numbers, each with its interval."""
    figure, grid, shown = _for_each_target(content, 4.2, 4.2)
    for axes, rows, name in zip(grid, shown, _names(shown), strict=True):
        for part, colour, what in _parts(rows):
            axes.errorbar(
                rows.actual[part],
                rows.predicted[part],
                yerr=rows.half_width[part],
                fmt="o",
                ms=3,
                color=colour,
                ecolor=(colour, 0.25),
                elinewidth=0.8,
                label=what,
            )
        ends = [min(rows.actual.min(), rows.predicted.min()), max(rows.actual.max(), rows.predicted.max())]
        axes.plot(ends, ends, color=MUTED, lw=0.8, ls=(0, (4, 3)), label="ideal")
        tidy_axes(axes, name, "Actual")
        axes.set_ylabel(f"Predicted, with {percent(rows.interval.level, 0)} interval", color=MUTED, fontsize=9)
        _few_ticks(axes)
        write_key(axes)
    return figure


def draw_intervals(content: RegressionContent) -> Figure:
    """Return the intervals of the rows, sorted by their prediction, and the actual numbers."""
    figure, grid, shown = _for_each_target(content, 5.6, 3.8)
    for axes, rows, name in zip(grid, shown, _names(shown), strict=True):
        drawn = rows.drawn(_MAX_ROWS)
        places = np.arange(len(drawn))
        low, high = rows.predicted - rows.half_width, rows.predicted + rows.half_width
        axes.fill_between(places, low[drawn], high[drawn], color=ACCENT, alpha=0.18, lw=0)
        axes.plot(places, rows.predicted[drawn], color=ACCENT, lw=1.2, label="predicted")
        place_of = np.zeros(len(rows.actual), dtype=np.int64)
        place_of[drawn] = places
        for part, colour, what in _parts(rows):
            axes.plot(place_of[part], rows.actual[part], "o", color=colour, ms=3, label=what)
        tidy_axes(axes, f"{name}: {percent(rows.coverage, 1)} inside", content.worded("Test images by prediction"))
        _few_ticks(axes)
        write_key(axes)
    return figure


def draw_residuals(content: RegressionContent) -> Figure:
    """Return the errors against the prediction, and their histogram in predicted standard deviations."""
    shown = target_rows(content)[:_MAX_TARGETS]
    figure = new_figure(9.0, 3.4 * len(shown))
    grid = figure.subplots(len(shown), 2, squeeze=False)
    for (left, right), rows, name in zip(grid, shown, _names(shown), strict=True):
        left.axhline(0, color=MUTED, lw=0.8, ls=(0, (4, 3)))
        for part, colour, what in _parts(rows):
            left.plot(rows.predicted[part], rows.error[part], "o", color=colour, ms=3, label=what)
        tidy_axes(left, name, "Predicted")
        left.set_ylabel("Actual - predicted", color=MUTED, fontsize=9)
        _few_ticks(left)
        found = error_histogram(rows.scaled_error)
        right.stairs(found.shares, found.edges, color=ACCENT, alpha=0.25, fill=True, label="test errors")
        right.stairs(found.normal, found.edges, color=MUTED, lw=1.1, label="normal distribution")
        tidy_axes(right, "Errors", "In predicted standard deviations")
        right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        write_key(right)
    return figure


def draw_quantiles(content: RegressionContent) -> Figure | None:
    """Return how often actual numbers lie below predicted quantiles, None if that was not measured."""
    curves = quantile_curves(content)
    if not curves:
        return None
    figure, grid, shown = _for_each_target(content, 4.2, 4.2)
    for axes, curve, name in zip(grid, curves, _names(shown), strict=False):
        axes.fill_between(curve.levels, curve.low, curve.high, color=MUTED, alpha=0.15, lw=0, label="chance")
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)), label="ideal")
        axes.plot(curve.levels, curve.before, color=MUTED, lw=1.2, label="as predicted")
        if curve.after:
            axes.plot(curve.levels, curve.after, color=ACCENT, lw=1.4, label="scaled")
        tidy_axes(axes, name, "Predicted probability of a lower number")
        axes.set_ylabel(content.worded("Share of the test images below"), color=MUTED, fontsize=9)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        write_key(axes)
    return figure


def draw_sizes(content: RegressionContent) -> Figure | None:
    """Return loss and error by the number of members, None if that was not measured."""
    curves = size_curves(content)
    if not curves:
        return None
    figure = new_figure(4.4 * len(curves), 3.6)
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        axes.plot(curve.members, curve.scores, color=ACCENT, lw=1.3, marker="o", ms=4)
        tidy_axes(axes, curve.title, "Members")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _for_each_target(
    content: RegressionContent, width: float, height: float
) -> tuple[Figure, Sequence[Axes], tuple[TargetRows, ...]]:
    """Return a figure with axes for each of the first numbers, at most three in a row."""
    shown = target_rows(content)[:_MAX_TARGETS]
    in_a_row = min(3, len(shown))
    lines = -(-len(shown) // in_a_row)
    figure = new_figure(width * in_a_row, height * lines)
    grid = figure.subplots(lines, in_a_row, squeeze=False).reshape(-1)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    return figure, list(grid[: len(shown)]), shown


def _parts(rows: TargetRows) -> tuple[tuple[NDArray[np.int64], str, str], ...]:
    """Return which rows are drawn in which colour, and what they are called."""
    drawn = rows.drawn(_MAX_ROWS)
    inside = rows.is_inside[drawn]
    return (drawn[inside], ACCENT, "inside its interval"), (drawn[~inside], HOT, "outside")


def _names(shown: Sequence[TargetRows]) -> list[str]:
    return list(fitted_names({place: rows.target.name for place, rows in enumerate(shown)}, _NAME_WIDTH, 11).values())


def _few_ticks(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
