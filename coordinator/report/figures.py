"""The report's figures as PNG files, for papers, slides and documents; the page draws its own."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from coordinator.report.confusion import ConfusionMatrix, confusion_matrix
from coordinator.report.content import ReportContent
from coordinator.report.curves import MAX_MEMBERS
from coordinator.report.pictures import SAMPLES, Pixels, first_samples, has_dark_ground, mean_images, shown_pixels
from shared.messages import EpochMetrics

_INK = "#1d1c1a"
_MUTED = "#6b6760"
_LINE = "#d5d0c6"
_ACCENT = "#0b6e63"
_HEAT = (242, 147, 92)
_NEUTRAL = (229, 225, 216)
_DPI = 160
_MISTAKES_IN_A_ROW = 10


def write_figures(content: ReportContent, folder: Path) -> None:
    """Write the figures that the content allows as PNG files into a folder that exists."""
    drawings: Mapping[str, Callable[[ReportContent], Figure | None]] = {
        "samples.png": draw_samples,
        "mean_images.png": draw_mean_images,
        "training_curves.png": draw_training_curves,
        "confusion_matrix.png": draw_confusion_matrix,
        "misclassified.png": draw_misclassified,
    }
    for name, draw in drawings.items():
        figure = draw(content)
        if figure is not None:
            _save(figure, folder / name)


def draw_samples(content: ReportContent) -> Figure:
    """Return the first 12 training images of each class, a row per class."""
    dataset = content.dataset
    rows, inverted = len(dataset.class_names), has_dark_ground(dataset)
    figure, axes = _blank_figure(2.0 + 0.55 * SAMPLES, 0.55 * rows + 0.5, f"First {SAMPLES} samples of each class")
    for row, name in enumerate(dataset.class_names):
        axes.text(-0.2, row, _plain(name), ha="right", va="center", fontsize=9, color=_INK)
        for column, image in enumerate(first_samples(dataset, row)):
            _show(axes, image, column, row, inverted)
    axes.set_xlim(-0.15, SAMPLES)
    axes.set_ylim(rows - 0.45, -0.55)
    return figure


def draw_mean_images(content: ReportContent) -> Figure:
    """Return the mean training image of each class, ten in a row."""
    names = content.dataset.class_names
    in_a_row = min(10, len(names))
    rows, inverted = -(-len(names) // in_a_row), has_dark_ground(content.dataset)
    figure, axes = _blank_figure(in_a_row * 1.0 + 0.2, rows * 1.25 + 0.5, "Mean image of each class")
    for index, (name, image) in enumerate(zip(names, mean_images(content.dataset), strict=True)):
        row, column = divmod(index, in_a_row)
        _show(axes, image, column, row * 1.25, inverted, size=0.94)
        axes.text(column + 0.47, row * 1.25 + 0.6, _plain(name), ha="center", va="center", fontsize=7, color=_INK)
    axes.set_xlim(-0.05, in_a_row)
    axes.set_ylim(rows * 1.25 - 0.45, -0.55)
    return figure


def draw_training_curves(content: ReportContent) -> Figure | None:
    """Return loss and accuracy of all members over the epochs, None if no member has a history."""
    members = list(content.trained.values())[:MAX_MEMBERS]
    if not members:
        return None
    figure = _figure(9.0, 3.6)
    alpha = min(0.9, max(0.12, 5 / len(members)))
    picks: Sequence[tuple[str, Callable[[EpochMetrics], float], Callable[[EpochMetrics], float]]] = (
        ("Loss", lambda epoch: epoch.train_loss, lambda epoch: epoch.validation_loss),
        ("Accuracy", lambda epoch: epoch.train_accuracy, lambda epoch: epoch.validation_accuracy),
    )
    for axes, (title, train, validation) in zip(figure.subplots(1, 2), picks, strict=True):
        for position, member in enumerate(members):
            epochs = range(1, len(member.history) + 1)
            marker = "." if len(member.history) == 1 else None
            labels = ("train", "validation", "best epoch") if position == 0 else (None, None, None)
            axes.plot(
                epochs,
                [train(epoch) for epoch in member.history],
                color=_MUTED,
                lw=0.9,
                alpha=alpha,
                ls=(0, (3, 1.5)),
                marker=marker,
                label=labels[0],
            )
            axes.plot(
                epochs,
                [validation(epoch) for epoch in member.history],
                color=_ACCENT,
                lw=1.1,
                alpha=alpha,
                marker=marker,
                label=labels[1],
            )
            best = validation(member.history[member.best_epoch - 1])
            axes.plot(member.best_epoch, best, "o", color=_ACCENT, ms=4, mec="white", mew=0.7, label=labels[2])
        _tidy(axes, title)
        axes.legend(frameon=False, fontsize=8, labelcolor=_INK)
    return figure


def draw_confusion_matrix(content: ReportContent) -> Figure:
    """Return the confusion matrix with counts, coloured by the largest count off the diagonal."""
    matrix = confusion_matrix(content)
    classes = len(matrix.class_names)
    size = min(24.0, 2.0 + 0.55 * classes)
    figure = _figure(size + 0.6, size)
    axes = figure.subplots()
    axes.imshow([[_cell_colour(cell.strength, cell.is_diagonal) for cell in row.cells] for row in matrix.rows])
    if matrix.has_counts:
        _write_counts(axes, matrix)
    names = [_plain(name) for name in matrix.class_names]
    fontsize = 9 if matrix.has_counts else 4
    axes.set_xticks(range(classes), labels=names, rotation=90, fontsize=fontsize, color=_INK)
    axes.set_yticks(range(classes), labels=names, fontsize=fontsize, color=_INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted", color=_MUTED)
    axes.set_ylabel("Actual", color=_MUTED)
    return figure


def draw_misclassified(content: ReportContent) -> Figure | None:
    """Return the first misclassified test images with actual and predicted class, None if there are none."""
    mistakes = content.evaluation.misclassified
    if not mistakes:
        return None
    rows, inverted = -(-len(mistakes) // _MISTAKES_IN_A_ROW), has_dark_ground(content.dataset)
    figure, axes = _blank_figure(_MISTAKES_IN_A_ROW * 1.15, rows * 1.65 + 0.5, "Misclassified: actual / predicted")
    images = shown_pixels(content.dataset.x_test[[mistake.test_index for mistake in mistakes]], content.dataset)
    names = content.dataset.class_names
    for position, (mistake, image) in enumerate(zip(mistakes, images, strict=True)):
        row, column = divmod(position, _MISTAKES_IN_A_ROW)
        _show(axes, image, column, row * 1.45, inverted)
        lines = (
            (f"{_plain(names[mistake.actual])} {mistake.actual_probability:.2f}", _MUTED),
            (f"{_plain(names[mistake.predicted])} {mistake.predicted_probability:.2f}", "#b8430f"),
        )
        for line, (text, colour) in enumerate(lines):
            axes.text(column, row * 1.45 + 0.56 + 0.15 * line, text, fontsize=6.5, va="center", color=colour)
    axes.set_xlim(-0.05, _MISTAKES_IN_A_ROW)
    axes.set_ylim(rows * 1.45 - 0.55, -0.55)
    return figure


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _blank_figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = _figure(width, height)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.set_aspect("equal")
    return figure, axes


def _show(axes: Axes, image: Pixels, left: float, middle: float, inverted: bool, size: float = 0.9) -> None:
    shown = 255 - image if inverted else image
    height = size * image.shape[0] / image.shape[1]
    extent = (left, left + size, middle + height / 2, middle - height / 2)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest", aspect="equal")


def _tidy(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.set_xlabel("Epoch", color=_MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINE)
    axes.tick_params(colors=_MUTED, length=3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=_LINE, lw=0.5)


def _write_counts(axes: Axes, matrix: ConfusionMatrix) -> None:
    for row, line in enumerate(matrix.rows):
        for column, cell in enumerate(line.cells):
            colour = _INK if cell.count else _LINE
            axes.text(column, row, str(cell.count), ha="center", va="center", fontsize=8, color=colour)


def _cell_colour(strength: float, is_diagonal: bool) -> tuple[float, float, float]:
    red, green, blue = _NEUTRAL if is_diagonal else _HEAT
    share = 1.0 if is_diagonal else strength
    return tuple(1 - share * (1 - value / 255) for value in (red, green, blue))


def _plain(text: str) -> str:
    """Return text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def _save(figure: Figure, path: Path) -> None:
    with warnings.catch_warnings():
        # A class name in a script that matplotlib's font lacks is drawn as boxes; that is no reason to warn.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path)
