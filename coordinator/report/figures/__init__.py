"""The figures of a report as PNG and SVG files, drawn by matplotlib. The page draws its own charts."""

from deepchord.coordinator.report.figures.curves import draw_shift_curves
from deepchord.coordinator.report.figures.figures import write_figures, write_samples
from deepchord.coordinator.report.figures.files import save_figures
from deepchord.coordinator.report.figures.training_curves import draw_training_curves

__all__ = ["draw_shift_curves", "draw_training_curves", "save_figures", "write_figures", "write_samples"]
