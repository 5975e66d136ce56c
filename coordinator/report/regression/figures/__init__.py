"""The figures of predicted numbers as PNG and SVG files, drawn by matplotlib. The page draws its own charts."""

from deepchord.coordinator.report.regression.figures.figures import write_figures

__all__ = ["write_figures"]
