"""The report as one self-contained HTML page."""

from deepchord.coordinator.report.page.page import render_page

__all__ = ["render_page"]
