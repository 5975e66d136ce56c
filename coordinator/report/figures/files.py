"""How figures become files: as PNG and SVG, whatever letters the font lacks."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure


def save_figures(drawings: Mapping[str, Callable[[], Figure | None]], folder: Path) -> None:
    """Write figures into an existing folder, each as a PNG and an SVG file.

    Args:
        drawings: What draws each figure, by the name of its files; it returns None if there is nothing to draw.
        folder: Where they go.
    """
    with without_warnings():
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                figure.savefig(folder / f"{name}.png")
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


@contextmanager
def without_warnings() -> Iterator[None]:
    """Have letters that matplotlib's font lacks drawn as boxes; that is no reason to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
