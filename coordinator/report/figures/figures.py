"""The confusion matrix, and which figures are written of classes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
    INK,
    LEGIBLE,
    LINE,
    MUTED,
    POINTS_PER_INCH,
    fitted_names,
    new_figure,
)
from deepchord.coordinator.report.figures.files import save_figures, without_warnings
from deepchord.coordinator.report.figures.histograms import draw_histograms
from deepchord.coordinator.report.figures.training_curves import draw_training_curves
from deepchord.coordinator.report.figures.trust import draw_reliability, draw_risk_coverage
from deepchord.coordinator.report.findings import ConfusionMatrix, confusion_matrix, confusion_strengths
from deepchord.shared.datasets import Dataset
from deepchord.shared.files import written_aside

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
    save_figures({name: partial(draw, content) for name, draw in drawings.items()}, folder)


def write_samples(dataset: Dataset, path: Path) -> None:
    """Write a figure as a PNG: some training images of each class, or what a table's columns hold in each class.

    Numbers to predict are shown by thirds of the first of them, labels by whether the first of them applies.

    Raises:
        InputError: It cannot be written.
    """
    draw = draw_class_samples if dataset.table is None else draw_histograms
    shown = dataset if dataset.task == "classification" else _in_parts(dataset)
    with without_warnings(), written_aside(path) as aside:
        draw(shown).savefig(aside, format="png")


def _in_parts(dataset: Dataset) -> Dataset:
    """Return a data set whose classes are the rows with the lowest, the middle and the highest numbers.

    Where labels are predicted: those to which the first of them does not apply, and does.
    """
    if dataset.label_names:
        name = dataset.label_names[0]
        classes = (f"{name} does not apply", f"{name} applies")
        return replace(dataset, y_train=dataset.y_train[:, 0].astype(np.int64), class_names=classes, label_names=())
    numbers = dataset.y_train[:, 0]
    bounds = np.quantile(numbers, (1 / 3, 2 / 3))
    name = dataset.targets[0].name
    return replace(
        dataset,
        y_train=np.searchsorted(bounds, numbers).astype(np.int64),
        class_names=tuple(f"{third} third of {name}" for third in ("lowest", "middle", "highest")),
        targets=(),
    )


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
