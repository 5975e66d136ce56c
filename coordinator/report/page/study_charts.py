"""The charts of smaller ensembles and of shifted images, as SVG paths on a plane of 100 by 100."""

from collections.abc import Sequence

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, count, percent
from deepchord.coordinator.report.findings import (
    Plane,
    Scale,
    ShiftCurve,
    SizeCurve,
    SizePoint,
    scale_around,
    shift_curves,
    size_curves,
)
from deepchord.coordinator.report.page.charts import SPOT_PX, Chart, ChartLine, from_zero, percents, spot


def size_charts(content: ReportContent) -> tuple[Chart, ...]:
    """Return accuracy, loss and calibration error against the number of members; nothing if that was not measured."""
    return tuple(map(_size_chart, size_curves(content)))


def shift_charts(content: ReportContent) -> tuple[Chart, ...]:
    """Return accuracy, loss and calibration error by the strength of the shifts; nothing if none were looked at."""
    return tuple(map(shift_chart, shift_curves(content)))


def shift_chart(curve: ShiftCurve) -> Chart:
    """Return a score by the strength of the shifts, averaged over their kinds."""
    values = [value for line in curve.lines for value in line.values]
    steps = len(curve.lines[0].values)
    y = from_zero(values) if min(values) >= 0 else scale_around(values, 0.08, 0.01)
    plane = Plane(x=Scale(start=0.0, end=steps - 1), y=y)
    looks = {
        "members": ("members", "average member"),
        "mean": ("before", "mean"),
        "predicted": ("before", "as predicted"),
        "calibrated": ("after", "calibrated"),
        "scaled": ("after", "scaled"),
        "conformal": ("after", "conformal"),
    }
    return Chart(
        title=curve.title,
        x_title="Strength of the shift, averaged over seven kinds",
        lines=tuple(
            ChartLine(kind=looks[line.kind][0], label=looks[line.kind][1], path=plane.path(enumerate(line.values)))
            for line in curve.lines
        ),
        x_ticks=plane.x.ticks(steps, integer=True),
        y_ticks=percents(plane.y) if curve.is_share else plane.y.ticks(5),
    )


def _size_chart(curve: SizeCurve) -> Chart:
    scores = [point.score for point in (*curve.points, *curve.held_out)]
    bounds = [bound for score in scores for bound in (score.low, score.high)]
    plane = Plane(
        x=scale_around([point.members for point in (*curve.points, *curve.held_out)], 0.0, 1.0),
        y=scale_around(bounds, 0.08, 1e-4),
    )
    forth = [(point.members, point.score.low) for point in curve.points]
    back = [(point.members, point.score.high) for point in reversed(curve.points)]

    def line(kind: str, label: str, points: Sequence[SizePoint]) -> ChartLine:
        return ChartLine(
            kind=kind,
            label=label,
            path=plane.path((point.members, point.score.value) for point in points),
            spots=tuple(
                spot(plane, point.members, point.score.value, SPOT_PX, _point_title(point, curve.is_share))
                for point in points
            ),
        )

    return Chart(
        title=curve.title,
        x_title="Members",
        lines=(
            ChartLine(kind="interval", label="95\u00a0% of their orders", path=f"{plane.path([*forth, *back])}Z"),
            *((line("before", curve.held_out_name, curve.held_out),) if curve.held_out else ()),
            line("after", "test images", curve.points),
        ),
        x_ticks=plane.x.ticks(8, integer=True),
        y_ticks=percents(plane.y) if curve.is_share else plane.y.ticks(5),
    )


def _point_title(point: SizePoint, is_share: bool) -> str:
    value, low, high = (
        percent(score) if is_share else f"{score:.{LOSS_DIGITS}f}"
        for score in (point.score.value, point.score.low, point.score.high)
    )
    return f"{count(point.members, 'member')}: {value}; 95\u00a0% of their orders have {low} to {high}"
