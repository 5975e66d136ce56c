"""The figures of predicted labels as PNG and SVG files, drawn by matplotlib. The page draws its own charts."""

from deepchord.coordinator.report.multilabel.figures.figures import write_figures

__all__ = ["write_figures"]
