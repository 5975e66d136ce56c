"""The figures of a report as PNG and SVG files, drawn by matplotlib. The page draws its own charts."""

from deepchord.coordinator.report.figures.figures import write_figures, write_samples

__all__ = ["write_figures", "write_samples"]
