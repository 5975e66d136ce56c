"""What all figures have in common: canvas, colours, and text that is only text and keeps to its place."""

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
#: Letters smaller than this, in points, are grey bars.
LEGIBLE = 4.0

_DPI = 160
#: Columns of a terminal: what is longer is cut even where there is room.
_LONGEST_NAME = 40
_POINTS_PER_INCH = 72
#: How much wider than its outlines a text may be when it is fitted to pixels.
_HINTED = 1.05
#: Marks on one letter; no language has more.
_MOST_MARKS = 3


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a width and height in inches, with no global state behind it."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_sheet(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure with a title whose only axes are measured in inches from its upper left corner."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(0.1, 0.22, title, fontsize=11, color=INK, va="center")
    return figure, axes


def text_width(text: str, fontsize: float) -> float:
    """Return how wide the widest line of a text is drawn, in inches."""
    return max(_width(line, fontsize) for line in text.split("\n"))


def plain(text: str) -> str:
    """Return a text such that matplotlib does not take it for mathematics and no heap of marks leaves its line."""
    kept, marks = "", 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        kept += character if marks <= _MOST_MARKS else ""
    return kept.replace("$", r"\$")


def fitted_names(names: Mapping[int, str], width: float, fontsize: float, lines: int = 1) -> dict[int, str]:
    """Return names that take at most so many lines of a width, none of them like another.

    Args:
        names: All names that the figure shows, by the number of their class.
        width: Inches.
        fontsize: Points.
        lines: How many lines a name may have; they are divided by line breaks.
    """

    def shorten(name: str, ending: str) -> str:
        most = min(_LONGEST_NAME, cell_len(name) + len(ending))
        for cells in range(most, len(ending), -1):
            found = wrapped(elided(name, cells - len(ending)) + ending, width, fontsize)
            if found.count("\n") < lines:
                return plain(found)
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
    """Yield the words of a text with the spaces before them, those that no line can hold in graphemes."""
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
    return _HINTED * width / _POINTS_PER_INCH
