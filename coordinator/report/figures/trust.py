"""The figures about trust: the accuracy by confidence, and the share of wrong answers by coverage."""

from collections.abc import Sequence
from math import sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.figures.drawing import ACCENT, MUTED, new_figure, tidy_axes, write_key
from deepchord.coordinator.report.findings import ReliabilityPoint, Scale, reliability, risk_curve

#: The diameter of a dot in points: the first value, plus the second times the square root of the share of the images.
_SMALLEST_DOT, _MORE_FOR_ALL = 2.5, 8.0
#: The axis of wrong answers ends at the first value or above; the second is the free space above the highest value, as
#: a share of that value.
_SHORTEST, _ROOM = 0.01, 0.08


def draw_reliability(content: ReportContent) -> Figure | None:
    """Return how often answers of each confidence are right, None if that was not measured."""
    found = reliability(content)
    if found is None:
        return None
    figure = new_figure(4.8, 4.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)), label="ideal")
    if found.after:
        _plot_reliability(axes, found.before, MUTED, "before calibration")
        _plot_reliability(axes, found.after, ACCENT, "after calibration")
    else:
        _plot_reliability(axes, found.before, ACCENT, "ensemble, not calibrated")
    tidy_axes(axes, "Right answers by confidence", "Confidence: the probability of the answer")
    _write_percents(axes, 1.03)
    write_key(axes)
    return figure


def draw_risk_coverage(content: ReportContent) -> Figure | None:
    """Return how often answers are wrong, by how many images are answered; None if that was not measured."""
    found = risk_curve(content)
    if found is None:
        return None
    figure = new_figure(5.6, 4.0)
    axes = figure.subplots()
    coverages = [point.coverage for point in found.points]
    marker = "." if len(coverages) == 1 else None
    axes.plot(
        coverages,
        [point.risk for point in found.points],
        color=ACCENT,
        lw=1.3,
        marker=marker,
        label=content.worded("test images"),
    )
    if found.chosen:
        chosen = [point.coverage for point in found.chosen], [point.risk for point in found.chosen]
        axes.plot(*chosen, "o", color=ACCENT, ms=5, mec="white", mew=0.7, label="chosen thresholds of confidence")
    tidy_axes(axes, "Wrong answers by coverage", content.worded("Coverage: answered images, most confident first"))
    highest = max(point.risk for point in (*found.points, *found.chosen))
    _write_percents(axes, max(_SHORTEST, highest * (1 + _ROOM)))
    write_key(axes)
    return figure


def _plot_reliability(axes: Axes, points: Sequence[ReliabilityPoint], colour: str, label: str) -> None:
    confidences, accuracies = [point.confidence for point in points], [point.accuracy for point in points]
    areas = [(_SMALLEST_DOT + _MORE_FOR_ALL * sqrt(point.share)) ** 2 for point in points]
    axes.plot(confidences, accuracies, color=colour, lw=1.2, label=label)
    axes.scatter(confidences, accuracies, s=areas, color=colour, linewidths=0, zorder=3, clip_on=False)


def _write_percents(axes: Axes, highest: float) -> None:
    """Give the axes their round values, from 0 to 100 % and from 0 to the highest value."""
    for set_ticks, scale in ((axes.set_xticks, Scale(start=0, end=1)), (axes.set_yticks, Scale(start=0, end=highest))):
        ticks = scale.ticks(6, factor=100, suffix="\u00a0%", possible=(0, 1))
        set_ticks([tick.value for tick in ticks], labels=[tick.label for tick in ticks])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, highest)
