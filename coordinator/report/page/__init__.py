"""The report as one self-contained HTML page: what each part shows, and the templates that show it."""

from deepchord.coordinator.report.page.page import render_page

__all__ = ["render_page"]
