"""Training curves and confusion matrix, and where all figures are written as PNG and SVG files."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.figures.contact_sheets import (
    draw_class_samples,
    draw_mean_images,
    draw_misclassified,
    draw_samples,
)
from deepchord.coordinator.report.figures.curves import draw_entropies, draw_shifts, draw_sizes
from deepchord.coordinator.report.figures.drawing import (
    ACCENT,
    INK,
    LEGIBLE,
    LINE,
    MUTED,
    POINTS_PER_INCH,
    fitted_names,
    new_figure,
)
from deepchord.coordinator.report.figures.histograms import draw_histograms
from deepchord.coordinator.report.figures.trust import draw_reliability, draw_risk_coverage
from deepchord.coordinator.report.findings import (
    MAX_MEMBERS,
    MEASURES,
    ConfusionMatrix,
    Measure,
    Scale,
    confusion_matrix,
    confusion_strengths,
)
from deepchord.shared.datasets import Dataset
from deepchord.shared.files import written_aside
from deepchord.shared.messages import TrainedMember

_HEAT = (242, 147, 92)
_NEUTRAL = (229, 225, 216)
#: Inches that the names beside the confusion matrix may take.
_NAME_WIDTH = 2.2


def write_figures(content: ReportContent, folder: Path) -> None:
    """Write all figures that can be drawn from the content into an existing folder, as PNG and SVG files."""
    of_images: Mapping[str, Callable[[ReportContent], Figure | None]] = {
        "samples": draw_samples,
        "mean_images": draw_mean_images,
        "misclassified": draw_misclassified,
    }
    drawings: Mapping[str, Callable[[ReportContent], Figure | None]] = {
        **({} if content.dataset.table else of_images),
        "training_curves": draw_training_curves,
        "confusion_matrix": draw_confusion_matrix,
        "reliability": draw_reliability,
        "risk_coverage": draw_risk_coverage,
        "entropies": draw_entropies,
        "members": draw_sizes,
        "shifts": draw_shifts,
    }
    with _without_warnings():
        for name, draw in drawings.items():
            figure = draw(content)
            if figure is not None:
                figure.savefig(folder / f"{name}.png")
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def write_samples(dataset: Dataset, path: Path) -> None:
    """Write a figure as a PNG: some training images of each class, or what a table's columns hold in each class.

    Raises:
        InputError: It cannot be written.
    """
    draw = draw_class_samples if dataset.table is None else draw_histograms
    with _without_warnings(), written_aside(path) as aside:
        draw(dataset).savefig(aside, format="png")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Have letters that matplotlib's font lacks drawn as boxes; that is no reason to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def draw_training_curves(content: ReportContent) -> Figure | None:
    """Return loss and accuracy of all members over the epochs, None if no member has a history."""
    members = list(content.trained.values())[:MAX_MEMBERS]
    if not members:
        return None
    figure = new_figure(9.0, 3.6)
    alpha = min(0.9, max(0.12, 5 / len(members)))
    for axes, measure in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        for member in members:
            _plot_member(axes, member, measure, alpha)
        _tidy(axes, measure)
        kind = content.training_loss_kind if measure.is_loss else None
        labels = ("train" if kind is None else f"train, {kind}", "validation", "best epoch")
        axes.legend(axes.lines[:3], labels, frameon=False, fontsize=8, labelcolor=INK)
    return figure


def draw_confusion_matrix(content: ReportContent) -> Figure:
    """Return the confusion matrix, coloured by the largest count off the diagonal, with counts where they fit.

    Too many classes for legible names are labelled by their numbers.
    """
    matrix = confusion_matrix(content)
    classes = len(matrix.class_names)
    size = 2.0 + 0.55 * classes if matrix.has_counts else min(24.0, max(6.0, 2.0 + 0.12 * classes))
    figure = new_figure(size + 0.6, size)
    axes = figure.subplots()
    axes.imshow(_cell_colours(confusion_strengths(content)))
    if matrix.has_counts:
        _write_counts(axes, matrix)
    fontsize = min(9.0, 0.75 * POINTS_PER_INCH * (size - 2) / classes)
    if fontsize >= LEGIBLE:
        _write_names(axes, matrix.class_names, fontsize)
        axes.tick_params(length=0)
    else:
        axes.tick_params(colors=INK, labelsize=0.6 * size)
    numbers = "" if fontsize >= LEGIBLE else ", by the number of the class"
    axes.spines[:].set_visible(False)
    label_size = max(10.0, 0.6 * size)
    axes.set_xlabel(f"Predicted{numbers}", color=MUTED, fontsize=label_size)
    axes.set_ylabel(f"Actual{numbers}", color=MUTED, fontsize=label_size)
    return figure


def _write_names(axes: Axes, class_names: tuple[str, ...], fontsize: float) -> None:
    names = fitted_names(dict(enumerate(class_names)), _NAME_WIDTH, fontsize).values()
    places = range(len(class_names))
    axes.set_xticks(places, labels=list(names), rotation=90, fontsize=fontsize, color=INK)
    axes.set_yticks(places, labels=list(names), fontsize=fontsize, color=INK)


def _plot_member(axes: Axes, member: TrainedMember, measure: Measure, alpha: float) -> None:
    epochs = range(1, len(member.history) + 1)
    marker = "." if len(member.history) == 1 else None
    train = [measure.train(epoch) for epoch in member.history]
    validation = [measure.validation(epoch) for epoch in member.history]
    axes.plot(epochs, train, color=MUTED, lw=0.9, ls=(0, (3, 1.5)), alpha=alpha, marker=marker)
    axes.plot(epochs, validation, color=ACCENT, lw=1.1, alpha=alpha, marker=marker)
    best = validation[member.best_epoch - 1]
    axes.plot(member.best_epoch, best, "o", color=ACCENT, ms=4, mec="white", mew=0.7)


def _tidy(axes: Axes, measure: Measure) -> None:
    low, high = axes.get_ylim()
    ticks = Scale(start=low, end=high).ticks(6, possible=measure.possible)
    axes.set_yticks([tick.value for tick in ticks], labels=[tick.label for tick in ticks])
    axes.set_ylim(low, high)
    axes.set_title(measure.title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("Epoch", color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=MUTED, length=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(left=0.5)
    axes.grid(axis="y", color=LINE, lw=0.5)


def _write_counts(axes: Axes, matrix: ConfusionMatrix) -> None:
    for row, line in enumerate(matrix.rows):
        for column, cell in enumerate(line.cells):
            colour = INK if cell.count else LINE
            axes.text(column, row, str(cell.count), ha="center", va="center", fontsize=8, color=colour)


def _cell_colours(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colours [classes, classes, 3] of the cells, in [0, 1]."""
    colours = 1 - strengths[..., np.newaxis] * (1 - np.array(_HEAT) / 255)
    diagonal = np.arange(len(strengths))
    colours[diagonal, diagonal] = np.array(_NEUTRAL) / 255
    return np.asarray(colours)
