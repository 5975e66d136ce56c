"""The charts about trust, as SVG paths on a plane of 100 by 100."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.coordinator.report.findings import (
    EntropyCounts,
    Plane,
    Reliability,
    ReliabilityPoint,
    RiskCurve,
    RiskPoint,
    Scale,
    Tick,
    entropy_counts,
    reliability,
    risk_curve,
)

#: The diameter of a spot in pixels: the first value, plus the second times the square root of the share of the images.
_SMALLESTSPOT_PX, _MORE_FOR_ALL = 4.0, 10.0
SPOT_PX = 7.0
#: Free space above the highest value, as a share of that value.
_ROOM = 0.08
#: An axis that starts at 0 ends at this value or above.
_SHORTEST = 0.01


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A dot on a line."""

    path: str
    width_px: float
    title: str


@dataclass(frozen=True, kw_only=True)
class ChartLine:
    """A line of a chart, or an area."""

    #: How it looks: `ideal`, `before`, `after`, `members`, `chosen`, `right`, `wrong`, `unseen` or `interval`.
    kind: str
    #: What it is called in the key; empty: it is not there.
    label: str
    #: Empty: only spots.
    path: str
    spots: tuple[Spot, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with its two axes."""

    title: str
    x_title: str
    lines: tuple[ChartLine, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


_SHARES = Scale(start=0.0, end=1.0)


def trust_charts(content: ReportContent) -> tuple[Chart, ...]:
    """Return all charts that the evaluation has the values for."""
    of_confidence, of_risk, of_entropy = reliability(content), risk_curve(content), entropy_counts(content)
    return (
        *((_reliability_chart(of_confidence),) if of_confidence is not None else ()),
        *((_risk_chart(of_risk),) if of_risk is not None else ()),
        *((_entropy_chart(of_entropy),) if of_entropy is not None else ()),
    )


def _reliability_chart(found: Reliability) -> Chart:
    plane = Plane(x=_SHARES, y=_SHARES)
    before, after = ("before", "before"), ("after", "after calibration")
    lines = ((before, found.before), (after, found.after)) if found.after else ((("after", "ensemble"), found.before),)
    return Chart(
        title="Right answers by confidence",
        x_title="Confidence: the probability of the answer",
        lines=(
            ChartLine(kind="ideal", label="ideal", path=plane.path([(0, 0), (1, 1)])),
            *(_reliability_line(plane, kind, label, points) for (kind, label), points in lines),
        ),
        x_ticks=percents(_SHARES),
        y_ticks=percents(_SHARES),
    )


def _reliability_line(plane: Plane, kind: str, label: str, points: Sequence[ReliabilityPoint]) -> ChartLine:
    return ChartLine(
        kind=kind,
        label=label,
        path=plane.path((point.confidence, point.accuracy) for point in points),
        spots=tuple(
            spot(
                plane,
                point.confidence,
                point.accuracy,
                _SMALLESTSPOT_PX + _MORE_FOR_ALL * sqrt(point.share),
                f"{percent(point.share, 1)} of the images: {percent(point.confidence, 1)} confident, "
                f"{percent(point.accuracy, 1)} right",
            )
            for point in points
        ),
    )


def _risk_chart(found: RiskCurve) -> Chart:
    y = from_zero(point.risk for point in (*found.points, *found.chosen))
    plane = Plane(x=_SHARES, y=y)

    def title(point: RiskPoint) -> str:
        return f"{percent(point.coverage, 1)} answered, of these {percent(point.risk)} wrong"

    spots = tuple(spot(plane, point.coverage, point.risk, SPOT_PX, title(point)) for point in found.chosen)
    return Chart(
        title="Wrong answers by coverage",
        x_title="Coverage: answered images, most confident first",
        lines=(
            ChartLine(
                kind="after",
                label="wrong answers",
                path=plane.path((point.coverage, point.risk) for point in found.points),
            ),
            *((ChartLine(kind="chosen", label="thresholds below", path="", spots=spots),) if spots else ()),
        ),
        x_ticks=percents(_SHARES),
        y_ticks=percents(y),
    )


def _entropy_chart(found: EntropyCounts) -> Chart:
    y = from_zero((*found.right, *found.wrong, *found.unseen))
    plane = Plane(x=_SHARES, y=y)
    spreads = (
        ("right", "right images", found.right),
        ("wrong", "wrong images", found.wrong),
        ("unseen", "unseen images", found.unseen),
    )
    return Chart(
        title="Entropy of right and wrong images" if not found.unseen else "Entropy of right, wrong and unseen images",
        x_title="Predictive entropy, of the largest possible",
        lines=tuple(
            ChartLine(kind=kind, label=label, path=plane.path(_steps(shares)))
            for kind, label, shares in spreads
            if shares
        ),
        x_ticks=percents(_SHARES),
        y_ticks=percents(y),
    )


def _steps(shares: Sequence[float]) -> Iterable[tuple[float, float]]:
    """Yield the outline of a histogram, from its lower left corner to its lower right one."""
    yield 0.0, 0.0
    for place, share in enumerate(shares):
        yield place / len(shares), share
        yield (place + 1) / len(shares), share
    yield 1.0, 0.0


def spot(plane: Plane, x: float, y: float, width_px: float, title: str) -> Spot:
    """Return a dot of a diameter in pixels at a value, and the text that pointing at it shows."""
    return Spot(path=f"M{plane.place(x, y)}h0", width_px=width_px, title=title)


def from_zero(values: Iterable[float]) -> Scale:
    """Return an axis from 0 to a little above the largest value."""
    highest = max(values, default=0.0)
    return Scale(start=0.0, end=max(_SHORTEST, highest * (1 + _ROOM)))


def percents(scale: Scale) -> tuple[Tick, ...]:
    """Return the ticks of an axis of shares, as percent."""
    return scale.ticks(5, factor=100, suffix="\u00a0%", possible=(0, 1))
