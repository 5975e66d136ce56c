"""The figures of a report as PNG files."""

from deepchord.coordinator.report.figures.figures import write_figures

__all__ = ["write_figures"]
