"""Curves of an ensemble as figures: entropies, what more members bring, what becomes of shifted images."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.figures.drawing import ACCENT, HOT, MUTED, new_figure, tidy_axes, write_key
from deepchord.coordinator.report.findings import Scale, ShiftCurve, entropy_counts, shift_curves, size_curves

#: How the lines of shifted images look: their colours, their kinds and what they are called.
_SHIFT_LOOKS = {
    "members": (MUTED, (0, (2, 3)), "average member"),
    "mean": (MUTED, "-", "mean"),
    "predicted": (MUTED, "-", "as predicted"),
    "calibrated": (ACCENT, "-", "calibrated"),
    "scaled": (ACCENT, "-", "scaled"),
    "conformal": (ACCENT, "-", "conformal"),
}


def draw_entropies(content: ReportContent) -> Figure | None:
    """Return how uncertain right, wrong and unseen images are, None if that was not measured."""
    found = entropy_counts(content)
    if found is None:
        return None
    figure = new_figure(5.6, 4.0)
    axes = figure.subplots()
    spreads = ((found.right, ACCENT, "right"), (found.wrong, HOT, "wrong"), (found.unseen, MUTED, "unseen"))
    for shares, colour, name in spreads:
        if shares:
            edges = [place / len(shares) for place in range(len(shares) + 1)]
            axes.stairs(shares, edges, color=colour, lw=1.3)
            axes.stairs(shares, edges, color=colour, alpha=0.2, fill=True, label=content.worded(f"{name} images"))
    tidy_axes(axes, content.worded("Entropy of images"), "Predictive entropy, of the largest possible")
    axes.set_xlim(0, 1)
    _write_values(axes, Scale(start=0, end=axes.get_ylim()[1]), is_share=True)
    write_key(axes)
    return figure


def draw_sizes(content: ReportContent) -> Figure | None:
    """Return accuracy, loss and calibration error by the number of members, None if that was not measured."""
    curves = size_curves(content)
    if not curves:
        return None
    figure = new_figure(4.2 * len(curves), 3.6)
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        members = [point.members for point in curve.points]
        scores = [point.score for point in curve.points]
        axes.fill_between(
            members, [score.low for score in scores], [score.high for score in scores], color=ACCENT, alpha=0.18, lw=0
        )
        if curve.held_out:
            held_out = [point.score.value for point in curve.held_out]
            of_held_out = [point.members for point in curve.held_out]
            axes.plot(of_held_out, held_out, color=MUTED, lw=1.2, marker="o", ms=3, label=curve.held_out_name)
        axes.plot(
            members, [score.value for score in scores], color=ACCENT, lw=1.3, marker="o", ms=4, label="test images"
        )
        write_key(axes)
        tidy_axes(axes, curve.title, "Members")
        low, high = axes.get_ylim()
        _write_values(axes, Scale(start=low, end=high), is_share=curve.is_share)
        largest = max(point.members for point in (*curve.points, *curve.held_out))
        ticks = Scale(start=members[0], end=largest).ticks(8, integer=True)
        axes.set_xticks([tick.value for tick in ticks], labels=[tick.label for tick in ticks])
    return figure


def draw_shifts(content: ReportContent) -> Figure | None:
    """Return accuracy, loss and calibration error by the strength of shifts, None if none were looked at."""
    return draw_shift_curves(shift_curves(content))


def draw_shift_curves(curves: Sequence[ShiftCurve]) -> Figure | None:
    """Return scores by the strength of shifts, None if there are none."""
    if not curves:
        return None
    figure = new_figure(4.2 * len(curves), 3.6)
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        for line in curve.lines:
            colour, style, name = _SHIFT_LOOKS[line.kind]
            axes.plot(range(len(line.values)), line.values, color=colour, ls=style, lw=1.3, label=name)
        tidy_axes(axes, curve.title, "Strength of the shift")
        lowest = min(0.0, *(value for line in curve.lines for value in line.values))
        scale = Scale(start=lowest, end=max(axes.get_ylim()[1], lowest + 1e-6))
        _write_values(axes, scale, is_share=curve.is_share)
        write_key(axes)
    return figure


def _write_values(axes: Axes, scale: Scale, *, is_share: bool) -> None:
    ticks = scale.ticks(6, factor=100, suffix="\u00a0%", possible=(0, 1)) if is_share else scale.ticks(6)
    axes.set_yticks([tick.value for tick in ticks], labels=[tick.label for tick in ticks])
    axes.set_ylim(scale.start, scale.end)
