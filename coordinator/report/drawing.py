"""What all figures have in common: canvas, colours, and text that is only text."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#1d1c1a"
MUTED = "#6b6760"
LINE = "#d5d0c6"
ACCENT = "#0b6e63"
HOT = "#b8430f"

_DPI = 160
_LONGEST_NAME = 24


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a width and height in inches, with no global state behind it."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(text: str) -> str:
    """Return a name short enough for a figure, and such that matplotlib does not take it for mathematics."""
    short = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
    return short.replace("$", r"\$")
