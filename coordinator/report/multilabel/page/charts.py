"""The charts of predicted labels, as SVG paths on a plane of 100 by 100."""

from math import sqrt

from deepchord.coordinator.report.content import percent
from deepchord.coordinator.report.findings import Plane, Scale, scale_around
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import SizeCurve, reliability_curves, size_curves
from deepchord.coordinator.report.page.charts import SPOT_PX, Chart, ChartLine, percents, spot

#: The diameter of a dot in pixels: the first value, plus the second times the root of the share of the probabilities.
_SMALLEST_PX, _MORE_FOR_ALL = 4.0, 10.0
_SHARES = Scale(start=0.0, end=1.0)


def trust_charts(content: MultilabelContent) -> tuple[Chart, ...]:
    """Return the reliability diagram, and loss and exact match against the number of members if they were measured."""
    return (_reliability(content), *map(_sizes, size_curves(content)))


def _reliability(content: MultilabelContent) -> Chart:
    plane, curves = Plane(x=_SHARES, y=_SHARES), reliability_curves(content)
    lines = tuple(
        ChartLine(
            kind=kind,
            label=curve.name,
            path=plane.path((probability, applying) for probability, applying, _ in curve.points),
            spots=tuple(
                spot(
                    plane,
                    probability,
                    applying,
                    _SMALLEST_PX + _MORE_FOR_ALL * sqrt(share),
                    f"probability {percent(probability, 1)}: {percent(applying, 1)} apply; {percent(share, 1)} of all",
                )
                for probability, applying, share in curve.points
            ),
        )
        for curve, kind in zip(curves, ("before", "after")[-len(curves) :], strict=True)
    )
    return Chart(
        title="Labels that apply, by their probability",
        x_title="Probability of a label; upwards how often it applies",
        lines=(ChartLine(kind="ideal", label="ideal", path=plane.path([(0, 0), (1, 1)])), *lines),
        x_ticks=percents(_SHARES),
        y_ticks=percents(_SHARES),
    )


def _sizes(curve: SizeCurve) -> Chart:
    plane = Plane(x=scale_around(curve.members, 0.0, 1.0), y=scale_around(curve.scores, 0.08, 1e-4))
    points = list(zip(curve.members, curve.scores, strict=True))
    spots = tuple(spot(plane, *point, SPOT_PX, f"{point[0]} members: {point[1]:.4f}") for point in points)
    return Chart(
        title=curve.title,
        x_title="Members",
        lines=(ChartLine(kind="after", label="test images", path=plane.path(points), spots=spots),),
        x_ticks=plane.x.ticks(8, integer=True),
        y_ticks=plane.y.ticks(5),
    )
