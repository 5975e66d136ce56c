"""The figures of predicted labels, and which of them are written."""

from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from deepchord.coordinator.report.figures import draw_training_curves, save_figures
from deepchord.coordinator.report.figures.drawing import (
    ACCENT,
    INK,
    MUTED,
    fitted_names,
    new_figure,
    tidy_axes,
    write_key,
)
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import MEASURES, label_lines, reliability_curves, size_curves

#: Of more labels the first are drawn.
_MAX_LABELS = 40
#: Inches that the name of a label may take.
_NAME_WIDTH = 2.4
#: The diameter of a dot in points: the first value, plus the second times the root of the share of the probabilities.
_SMALLEST_DOT, _MORE_FOR_ALL = 2.5, 8.0


def write_figures(content: MultilabelContent, folder: Path) -> None:
    """Write all figures that can be drawn from the content into an existing folder, as PNG and SVG files."""
    drawings: Mapping[str, Callable[[], Figure | None]] = {
        "training_curves": partial(draw_training_curves, content, MEASURES),
        "reliability": partial(draw_reliability, content),
        "labels": partial(draw_labels, content),
        "members": partial(draw_sizes, content),
    }
    save_figures(drawings, folder)


def draw_reliability(content: MultilabelContent) -> Figure:
    """Return how often labels apply, by their probability."""
    figure = new_figure(4.8, 4.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)), label="ideal")
    curves = reliability_curves(content)
    for curve, colour in zip(curves, (MUTED, ACCENT)[-len(curves) :], strict=True):
        probabilities, applying, shares = zip(*curve.points, strict=True)
        areas = [(_SMALLEST_DOT + _MORE_FOR_ALL * sqrt(share)) ** 2 for share in shares]
        axes.plot(probabilities, applying, color=colour, lw=1.2, label=curve.name)
        axes.scatter(probabilities, applying, s=areas, color=colour, linewidths=0, zorder=3, clip_on=False)
    tidy_axes(axes, "Labels that apply, by their probability", "Probability of a label")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.03)
    write_key(axes)
    return figure


def draw_labels(content: MultilabelContent) -> Figure:
    """Return F1, ROC-AUC and the share of the test rows of each label."""
    lines = label_lines(content)[:_MAX_LABELS]
    figure = new_figure(6.4, 1.2 + 0.3 * len(lines))
    axes = figure.subplots()
    places = range(len(lines))
    axes.barh(places, [line.prevalence for line in lines], height=0.5, color=MUTED, alpha=0.2, label="share")
    for field, colour, name in (("f1", ACCENT, "F1"), ("area_under_roc", INK, "ROC-AUC")):
        known = [(value, place) for place, line in enumerate(lines) if (value := getattr(line, field)) is not None]
        axes.plot([value for value, _ in known], [place for _, place in known], "o", color=colour, ms=5, label=name)
    names = fitted_names({place: line.name for place, line in enumerate(lines)}, _NAME_WIDTH, 9.0)
    axes.set_yticks(places, labels=list(names.values()))
    axes.invert_yaxis()
    tidy_axes(axes, "Labels", content.worded("Test images: share to which a label applies, F1, ROC-AUC"))
    axes.set_xlim(0, 1.02)
    write_key(axes)
    return figure


def draw_sizes(content: MultilabelContent) -> Figure | None:
    """Return loss and exact match by the number of members, None if that was not measured."""
    curves = size_curves(content)
    if not curves:
        return None
    figure = new_figure(4.4 * len(curves), 3.6)
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        axes.plot(curve.members, curve.scores, color=ACCENT, lw=1.3, marker="o", ms=4)
        tidy_axes(axes, curve.title, "Members")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
