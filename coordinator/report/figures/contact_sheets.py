"""The figures that consist of images: samples, mean images and the mistakes of the ensemble."""

from collections.abc import Iterable
from math import ceil, sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.figures.drawing import HOT, INK, MUTED, fitted_names, new_sheet, text_width
from deepchord.coordinator.report.findings import (
    MAX_SHEET_CLASSES,
    SAMPLES,
    Pixels,
    film_strip,
    first_samples,
    has_dark_ground,
    mean_images,
    on_squares,
    shown_pixels,
)
from deepchord.shared.datasets import Dataset

_IN_A_ROW = 10
_MARGIN = 0.1
#: The height of the title, in inches; all lengths below are in inches.
_TOP = 0.45
#: From one line of text to the next, in inches for each point of the font's size.
_LEADING = 0.0175


def draw_samples(content: ReportContent) -> Figure:
    """Return the figure of `draw_class_samples` for the data set of a report."""
    return draw_class_samples(content.dataset)


def draw_class_samples(dataset: Dataset) -> Figure:
    """Return a figure of the first 12 training images of each class, one class per row; many classes in columns."""
    names = _names(dataset)
    is_small, inverted = len(names) > _IN_A_ROW * 2, has_dark_ground(dataset)
    side, fontsize = (0.3, 7.0) if is_small else (0.55, 9.0)
    rows = max(20, ceil(sqrt(10 * len(names)))) if is_small else len(names)
    shown = fitted_names(names, 4 * side, fontsize)
    left = max(text_width(name, fontsize) for name in shown.values()) + 2 * _MARGIN
    column_width = left + side * SAMPLES + _MARGIN
    title = f"First {SAMPLES} samples of {_each_class(dataset)}"
    figure, axes = new_sheet(ceil(len(names) / rows) * column_width, _TOP + rows * side + _MARGIN, title)
    for index, name in shown.items():
        column, row = divmod(index, rows)
        x, y = column * column_width + left, _TOP + row * side
        axes.text(x - _MARGIN, y + side / 2, name, ha="right", va="center", fontsize=fontsize, color=INK)
        samples = first_samples(dataset, index)
        if len(samples):
            strip = film_strip(list(_printed(samples, inverted)), SAMPLES)
            _show(axes, strip, x, y + 0.04 * side, side * SAMPLES, 0.92 * side)
    return figure


def draw_mean_images(content: ReportContent) -> Figure:
    """Return a figure of the mean training image of each class, ten in a row.

    With more than 100 classes, a row holds about 1.6 times as many images as there are rows.
    """
    names = _names(content.dataset)
    is_small = len(names) > _IN_A_ROW**2
    side, fontsize = (0.6, 5.0) if is_small else (1.0, 7.0)
    in_a_row = ceil(sqrt(1.6 * len(names))) if is_small else min(_IN_A_ROW, len(names))
    shown = fitted_names(names, 0.92 * side, fontsize, lines=2)
    row_height = side + _height(shown.values(), fontsize) + _MARGIN
    width = max(2.6, in_a_row * side + _MARGIN)
    title = f"Mean image of {_each_class(content.dataset)}"
    figure, axes = new_sheet(width, _TOP + ceil(len(names) / in_a_row) * row_height, title)
    images = _printed(mean_images(content.dataset), has_dark_ground(content.dataset))
    for index, name in shown.items():
        row, column = divmod(index, in_a_row)
        x, y = _MARGIN + column * side, _TOP + row * row_height
        _show(axes, images[index], x, y, 0.94 * side, 0.94 * side)
        axes.text(x + 0.47 * side, y + 0.97 * side, name, ha="center", va="top", fontsize=fontsize, color=INK)
    return figure


def draw_misclassified(content: ReportContent) -> Figure | None:
    """Return the first misclassified test images with actual and predicted class, None if there are none."""
    mistakes = content.evaluation.misclassified
    if not mistakes:
        return None
    side, fontsize = 1.15, 6.5
    room = 0.92 * side - text_width(" 0.00", fontsize)
    names = fitted_names(_mistaken(content), room, fontsize, lines=2)
    lines = _height(names.values(), fontsize)
    row_height = 0.95 * side + 2 * lines + _MARGIN
    calibrated = "" if content.probabilities.calibrated_test is None else "calibrated "
    title = f"Misclassified: actual class, below it the predicted one, with the ensemble's {calibrated}probabilities"
    rows = ceil(len(mistakes) / _IN_A_ROW)
    figure, axes = new_sheet(_IN_A_ROW * side + _MARGIN, _TOP + rows * row_height, title)
    images = shown_pixels(content.dataset.x_test[[mistake.test_index for mistake in mistakes]], content.dataset)
    printed = _printed(images, has_dark_ground(content.dataset))
    for position, (mistake, image) in enumerate(zip(mistakes, printed, strict=True)):
        row, column = divmod(position, _IN_A_ROW)
        x, y = _MARGIN + column * side, _TOP + row * row_height
        _show(axes, image, x, y, 0.92 * side, 0.92 * side)
        probabilities = content.best_test_probabilities[mistake.test_index]
        actual = f"{names[mistake.actual]} {probabilities[mistake.actual]:.2f}"
        predicted = f"{names[mistake.predicted]} {probabilities[mistake.predicted]:.2f}"
        for text, colour, top in ((actual, MUTED, y + 0.95 * side), (predicted, HOT, y + 0.95 * side + lines)):
            axes.text(x, top, text, fontsize=fontsize, va="top", color=colour, linespacing=1.1)
    return figure


def _mistaken(content: ReportContent) -> dict[int, str]:
    """Return the names, by number, of the classes that occur in the mistakes."""
    mistakes, names = content.evaluation.misclassified, content.dataset.class_names
    numbers = {number for mistake in mistakes for number in (mistake.actual, mistake.predicted)}
    return {number: names[number] for number in sorted(numbers)}


def _names(dataset: Dataset) -> dict[int, str]:
    return dict(enumerate(dataset.class_names[:MAX_SHEET_CLASSES]))


def _each_class(dataset: Dataset) -> str:
    classes = len(dataset.class_names)
    return (
        f"each of the first {MAX_SHEET_CLASSES:,} of {classes:,} classes"
        if classes > MAX_SHEET_CLASSES
        else "each class"
    )


def _height(texts: Iterable[str], fontsize: float) -> float:
    """Return the height of the text with the most lines, in inches."""
    return max(text.count("\n") + 1 for text in texts) * fontsize * _LEADING


def _printed(images: Pixels, inverted: bool) -> Pixels:
    """Return images as they are printed: on white squares of one size."""
    return on_squares(255 - images if inverted else images, ground=255)


def _show(axes: Axes, image: Pixels, left: float, top: float, width: float, height: float) -> None:
    """Draw an image at a place and in a size in inches."""
    extent = (left, left + width, top + height, top)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest", aspect="auto")
