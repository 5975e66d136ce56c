"""What all figures have in common: canvas, colours, and text that is drawn literally and fits its place."""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from rich.cells import cell_len, split_graphemes

from deepchord.coordinator.report.content import elided, shortened

INK = "#1d1c1a"
MUTED = "#6b6760"
LINE = "#d5d0c6"
ACCENT = "#0b6e63"
HOT = "#b8430f"
#: Smaller letters than this, in points, cannot be read.
LEGIBLE = 4.0

_DPI = 160
#: In columns of a terminal; a longer name is cut even if there is room.
_LONGEST_NAME = 40
POINTS_PER_INCH = 72
#: By this factor a text may become wider when its letters are fitted to pixels.
_HINTED = 1.05
#: Combining marks on one letter; no language has more.
_MOST_MARKS = 3


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a width and height in inches, without the global state of pyplot."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_sheet(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure with a title and one pair of axes, in inches from the upper left corner."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    # Pictures stand in an SVG one by one: joined to one, each is drawn onto all of the sheet, which took more than five
    # minutes for those of a thousand classes.
    figure.suppressComposite = True
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(0.1, 0.22, title, fontsize=11, color=INK, va="center")
    return figure, axes


def tidy_axes(axes: Axes, title: str, x_title: str) -> None:
    """Give axes a title on the left, and only the lines that are needed."""
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel(x_title, color=MUTED, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=MUTED, length=3, labelsize=8)
    axes.grid(axis="y", color=LINE, lw=0.5)
    axes.set_axisbelow(True)


def write_key(axes: Axes) -> None:
    """Write the key of all labelled lines where it covers the least."""
    axes.legend(fontsize=8, labelcolor=INK, loc="best", facecolor="white", edgecolor="none", framealpha=0.9)


def text_width(text: str, fontsize: float) -> float:
    """Return how wide the widest line of a text is drawn, in inches."""
    return max(_width(line, fontsize) for line in text.split("\n"))


def plain(text: str) -> str:
    """Return a text that matplotlib draws literally, not as mathematics, and without towers of combining marks."""
    kept, marks = "", 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        kept += character if marks <= _MOST_MARKS else ""
    return kept.replace("$", r"\$")


def fitted_names(names: Mapping[int, str], width: float, fontsize: float, lines: int = 1) -> dict[int, str]:
    """Return names that fit into at most so many lines of a width, all of them different.

    Args:
        names: All names that the figure shows, by the number of their class.
        width: Inches.
        fontsize: Points.
        lines: How many lines a name may have; there are line breaks between them.
    """

    def shorten(name: str, ending: str) -> str:
        most = min(_LONGEST_NAME, cell_len(name) + len(ending))
        for cells in range(most, len(ending), -1):
            fitted = wrapped(elided(name, cells - len(ending)) + ending, width, fontsize)
            if fitted.count("\n") < lines:
                return plain(fitted)
        return plain(ending.strip() or elided(name, 1))

    return shortened(names, shorten)


def wrapped(text: str, width: float, fontsize: float) -> str:
    """Return a text broken into lines of a width in inches: between words, or within those that are too long."""
    lines = [""]
    for piece in _pieces(text, width, fontsize):
        if lines[-1] and _width((lines[-1] + piece).rstrip(), fontsize) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(line.rstrip() for line in lines)


def _pieces(text: str, width: float, fontsize: float) -> Iterator[str]:
    """Yield the words of a text, each with the space before it; a word longer than a line is split into graphemes."""
    for place, word in enumerate(text.split(" ")):
        piece = f" {word}" if place else word
        if _width(word, fontsize) <= width:
            yield piece
        else:
            yield from (piece[start:end] for start, end, _ in split_graphemes(piece)[0])


@lru_cache(maxsize=100_000)
def _width(text: str, fontsize: float) -> float:
    """Return how wide a text is drawn, in inches."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=fontsize), ismath=False)
    return _HINTED * width / POINTS_PER_INCH
