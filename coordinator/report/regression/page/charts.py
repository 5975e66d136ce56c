"""The charts of predicted numbers, as SVG paths on a plane of 100 by 100."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import isolated, percent
from deepchord.coordinator.report.findings import Plane, Scale, scale_around
from deepchord.coordinator.report.page.charts import SPOT_PX, Chart, ChartLine, Spot, from_zero, percents, spot
from deepchord.coordinator.report.page.study_charts import shift_chart
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    QuantileCurve,
    SizeCurve,
    TargetRows,
    error_histogram,
    in_unit,
    quantile_curves,
    shift_curves,
    size_curves,
    target_rows,
)

#: More rows than this are drawn evenly thinned, and more numbers not at all: the page would be slow.
MAX_ROWS, MAX_TARGETS = 300, 8
#: The diameter of a dot, in pixels.
_DOT_PX = 5.0
_MARGIN = 0.05
#: An axis covers at least this share of a number's standard deviation.
_NARROWEST = 0.01
_SHARES = Scale(start=0.0, end=1.0)


@dataclass(frozen=True, kw_only=True)
class TargetCharts:
    """What is drawn of one number."""

    name: str
    charts: tuple[Chart, ...]
    #: The share of the test rows whose interval holds the actual number, and what is thinned out.
    coverage: float
    drawn: int
    rows: int


def target_charts(content: RegressionContent) -> tuple[TargetCharts, ...]:
    """Return the charts of the first numbers: predictions, intervals, errors, and the histogram of these."""
    return tuple(
        TargetCharts(
            name=rows.target.name,
            charts=(_predictions(rows), _intervals(rows), _errors(rows), _histogram(rows)),
            coverage=rows.coverage,
            drawn=min(MAX_ROWS, len(rows.actual)),
            rows=len(rows.actual),
        )
        for rows in target_rows(content)[:MAX_TARGETS]
    )


def quantile_charts(content: RegressionContent) -> tuple[Chart, ...]:
    """Return for each of the first numbers how often actual ones lie below predicted quantiles."""
    curves = quantile_curves(content)[:MAX_TARGETS]
    if len(content.targets) == 1:
        return tuple(_quantiles(curve, "Quantiles") for curve in curves)
    named = zip(curves, content.targets, strict=False)
    return tuple(_quantiles(curve, f"Quantiles of {isolated(target.name)}") for curve, target in named)


def size_charts(content: RegressionContent) -> tuple[Chart, ...]:
    """Return loss and error against the number of members; nothing if that was not measured."""
    return tuple(map(_sizes, size_curves(content)))


def shift_charts(content: RegressionContent) -> tuple[Chart, ...]:
    """Return error, loss and coverage by the strength of the shifts; nothing if none were looked at."""
    return tuple(map(shift_chart, shift_curves(content)))


def _predictions(rows: TargetRows) -> Chart:
    drawn, reach = rows.drawn(MAX_ROWS), rows.half_width
    low, high = rows.predicted - reach, rows.predicted + reach
    scale = scale_around([*rows.actual[drawn], *rows.predicted[drawn]], _MARGIN, _NARROWEST * rows.target.scale)
    y = scale_around([scale.start, scale.end, *low[drawn], *high[drawn]], 0.0, _NARROWEST * rows.target.scale)
    plane = Plane(x=scale, y=y)

    def title(row: int) -> str:
        values = (float(each[row]) for each in (rows.actual, rows.predicted, reach))
        actual, predicted, width = (in_unit(value, rows.target) for value in values)
        return f"No. {row}: actual {actual}, predicted {predicted} ± {width}"

    bars = "".join(
        f"M{plane.place(rows.actual[row], low[row])}L{plane.place(rows.actual[row], high[row])}" for row in drawn
    )
    dots = _dots(rows, drawn, lambda row: spot(plane, rows.actual[row], rows.predicted[row], _DOT_PX, title(row)))
    return Chart(
        title="Predicted against actual",
        x_title="Actual; upwards what is predicted",
        lines=(
            ChartLine(kind="bars", label=_interval_name(rows), path=bars),
            ChartLine(kind="ideal", label="ideal", path=plane.path((end, end) for end in (scale.start, scale.end))),
            *dots,
        ),
        x_ticks=scale.ticks(5),
        y_ticks=y.ticks(5),
    )


def _intervals(rows: TargetRows) -> Chart:
    drawn, reach = rows.drawn(MAX_ROWS), rows.half_width
    low, high = (rows.predicted - reach)[drawn], (rows.predicted + reach)[drawn]
    plane = Plane(
        x=Scale(start=0.0, end=max(1.0, len(drawn) - 1.0)),
        y=scale_around([*low, *high, *rows.actual[drawn]], _MARGIN, _NARROWEST * rows.target.scale),
    )
    band = [*enumerate(low), *reversed(list(enumerate(high)))]
    places = {int(row): place for place, row in enumerate(drawn)}
    return Chart(
        title=f"Intervals: {percent(rows.coverage, 1)} hold the actual number",
        x_title="Test images, from the lowest prediction to the highest",
        lines=(
            ChartLine(kind="interval", label=_interval_name(rows), path=f"{plane.path(band)}Z"),
            ChartLine(kind="after", label="predicted", path=plane.path(enumerate(rows.predicted[drawn]))),
            *_paths(plane, rows, drawn, lambda row: (places[row], rows.actual[row])),
        ),
        x_ticks=(),
        y_ticks=plane.y.ticks(5),
    )


def _errors(rows: TargetRows) -> Chart:
    drawn, error = rows.drawn(MAX_ROWS), rows.error
    farthest = float(np.abs(error[drawn]).max())
    plane = Plane(
        x=scale_around(rows.predicted[drawn].tolist(), _MARGIN, _NARROWEST * rows.target.scale),
        y=scale_around([-farthest, farthest], _MARGIN, _NARROWEST * rows.target.scale),
    )
    return Chart(
        title="Errors by prediction",
        x_title="Predicted; upwards how much higher the actual number is",
        lines=(
            ChartLine(kind="ideal", label="no error", path=plane.path([(plane.x.start, 0), (plane.x.end, 0)])),
            *_paths(plane, rows, drawn, lambda row: (rows.predicted[row], error[row])),
        ),
        x_ticks=plane.x.ticks(5),
        y_ticks=plane.y.ticks(5),
    )


def _histogram(rows: TargetRows) -> Chart:
    found = error_histogram(rows.scaled_error)
    plane = Plane(x=Scale(start=found.edges[0], end=found.edges[-1]), y=from_zero((*found.shares, *found.normal)))
    return Chart(
        title="Errors in predicted standard deviations",
        x_title="Standard deviations; the outer bars hold what lies beyond",
        lines=(
            ChartLine(kind="right", label="test images", path=plane.path(_steps(found.edges, found.shares))),
            ChartLine(kind="before", label="normal distribution", path=plane.path(_steps(found.edges, found.normal))),
        ),
        x_ticks=plane.x.ticks(8, integer=True),
        y_ticks=percents(plane.y),
    )


def _quantiles(curve: QuantileCurve, title: str) -> Chart:
    plane = Plane(x=_SHARES, y=_SHARES)
    around = [*zip(curve.levels, curve.low, strict=True), *reversed(list(zip(curve.levels, curve.high, strict=True)))]
    lines = [(curve.before, "before" if curve.after else "after", "as predicted")]
    lines += [(curve.after, "after", "scaled")] if curve.after else []
    return Chart(
        title=title,
        x_title="Predicted probability of a lower number; upwards how often it is lower",
        lines=(
            ChartLine(kind="chance", label="within chance", path=f"{plane.path(around)}Z"),
            ChartLine(kind="ideal", label="ideal", path=plane.path([(0, 0), (1, 1)])),
            *(
                ChartLine(kind=kind, label=name, path=plane.path(zip(curve.levels, shares, strict=True)))
                for shares, kind, name in lines
            ),
        ),
        x_ticks=percents(_SHARES),
        y_ticks=percents(_SHARES),
    )


def _sizes(curve: SizeCurve) -> Chart:
    plane = Plane(x=scale_around(curve.members, 0.0, 1.0), y=scale_around(curve.scores, 0.08, 1e-4))
    points = list(zip(curve.members, curve.scores, strict=True))
    return Chart(
        title=curve.title,
        x_title="Members",
        lines=(
            ChartLine(
                kind="after",
                label="test images",
                path=plane.path(points),
                spots=tuple(spot(plane, *point, SPOT_PX, f"{point[0]} members: {point[1]:.4f}") for point in points),
            ),
        ),
        x_ticks=plane.x.ticks(8, integer=True),
        y_ticks=plane.y.ticks(5),
    )


def _interval_name(rows: TargetRows) -> str:
    return f"{percent(rows.interval.level, 0)} interval"


def _parts(rows: TargetRows, drawn: NDArray[np.int64]) -> tuple[tuple[str, str, list[int]], ...]:
    """Return the kinds of dots, what they are called, and the rows that are drawn so."""
    inside = rows.is_inside[drawn]
    return ("inside", "inside", drawn[inside].tolist()), ("outside", "outside", drawn[~inside].tolist())


def _dots(rows: TargetRows, drawn: NDArray[np.int64], dot: Callable[[int], Spot]) -> Iterable[ChartLine]:
    """Return a dot for each row, which says what it is when it is pointed at."""
    return [
        ChartLine(kind=kind, label=label, path="", spots=tuple(dot(row) for row in part))
        for kind, label, part in _parts(rows, drawn)
        if part
    ]


def _paths(
    plane: Plane, rows: TargetRows, drawn: NDArray[np.int64], place: Callable[[int], tuple[float, float]]
) -> Iterable[ChartLine]:
    """Return the dots of all rows as one path for each kind."""
    return [
        ChartLine(kind=kind, label=label, path="".join(f"M{plane.place(*place(row))}h0" for row in part))
        for kind, label, part in _parts(rows, drawn)
        if part
    ]


def _steps(edges: Sequence[float], shares: Sequence[float]) -> Iterable[tuple[float, float]]:
    yield edges[0], 0.0
    for place, share in enumerate(shares):
        yield edges[place], share
        yield edges[place + 1], share
    yield edges[-1], 0.0
