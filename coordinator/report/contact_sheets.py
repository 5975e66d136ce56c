"""The figures that are made of pictures: samples, mean images and the mistakes of the ensemble."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coordinator.report.content import ReportContent
from coordinator.report.drawing import HOT, INK, MUTED, new_figure, plain
from coordinator.report.pictures import (
    SAMPLES,
    Pixels,
    film_strip,
    first_samples,
    has_dark_ground,
    mean_images,
    on_squares,
    shown_pixels,
)

_MISTAKES_IN_A_ROW = 10


def draw_samples(content: ReportContent) -> Figure:
    """Return the first 12 training images of each class, a row per class."""
    dataset = content.dataset
    rows, inverted = len(dataset.class_names), has_dark_ground(dataset)
    height = min(0.55, 24 / rows)
    figure, axes = _blank_figure(2.0 + height * SAMPLES, height * rows + 0.5, f"First {SAMPLES} samples of each class")
    for row, name in enumerate(dataset.class_names):
        axes.text(-0.2, row, plain(name), ha="right", va="center", fontsize=16 * height, color=INK)
        samples = first_samples(dataset, row)
        if len(samples):
            strip = film_strip(list(_printed(samples, inverted)), SAMPLES)
            axes.imshow(strip, extent=(0, SAMPLES, row + 0.46, row - 0.46), interpolation="nearest", aspect="auto")
    axes.set_xlim(-0.15, SAMPLES)
    axes.set_ylim(rows - 0.45, -0.55)
    return figure


def draw_mean_images(content: ReportContent) -> Figure:
    """Return the mean training image of each class, ten in a row."""
    names = content.dataset.class_names
    in_a_row = min(10, len(names))
    rows, inverted = -(-len(names) // in_a_row), has_dark_ground(content.dataset)
    figure, axes = _blank_figure(in_a_row * 1.0 + 0.2, rows * 1.25 + 0.5, "Mean image of each class")
    images = _printed(mean_images(content.dataset), inverted)
    for index, (name, image) in enumerate(zip(names, images, strict=True)):
        row, column = divmod(index, in_a_row)
        _show(axes, image, column, row * 1.25, size=0.94)
        axes.text(column + 0.47, row * 1.25 + 0.6, plain(name), ha="center", va="center", fontsize=7, color=INK)
    axes.set_xlim(-0.05, in_a_row)
    axes.set_ylim(rows * 1.25 - 0.45, -0.55)
    return figure


def draw_misclassified(content: ReportContent) -> Figure | None:
    """Return the first misclassified test images with actual and predicted class, None if there are none."""
    mistakes = content.evaluation.misclassified
    if not mistakes:
        return None
    rows, inverted = -(-len(mistakes) // _MISTAKES_IN_A_ROW), has_dark_ground(content.dataset)
    title = "Misclassified: actual class, below it the predicted one, with the ensemble's probabilities"
    figure, axes = _blank_figure(_MISTAKES_IN_A_ROW * 1.15, rows * 1.65 + 0.5, title)
    images = shown_pixels(content.dataset.x_test[[mistake.test_index for mistake in mistakes]], content.dataset)
    names = content.dataset.class_names
    for position, (mistake, image) in enumerate(zip(mistakes, _printed(images, inverted), strict=True)):
        row, column = divmod(position, _MISTAKES_IN_A_ROW)
        _show(axes, image, column, row * 1.45)
        lines = (
            (f"{plain(names[mistake.actual])} {mistake.actual_probability:.2f}", MUTED),
            (f"{plain(names[mistake.predicted])} {mistake.predicted_probability:.2f}", HOT),
        )
        for line, (text, colour) in enumerate(lines):
            axes.text(column, row * 1.45 + 0.56 + 0.15 * line, text, fontsize=6.5, va="center", color=colour)
    axes.set_xlim(-0.05, _MISTAKES_IN_A_ROW)
    axes.set_ylim(rows * 1.45 - 0.55, -0.55)
    return figure


def _blank_figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = new_figure(width, height)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_aspect("equal")
    return figure, axes


def _printed(images: Pixels, inverted: bool) -> Pixels:
    """Return images as they are printed: squares of white paper, which all have room in their places."""
    return on_squares(255 - images if inverted else images, ground=255)


def _show(axes: Axes, image: Pixels, left: float, middle: float, size: float = 0.9) -> None:
    """Draw a square image."""
    extent = (left, left + size, middle + size / 2, middle - size / 2)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest", aspect="equal")
