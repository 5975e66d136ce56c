"""The page of an ensemble that predicts numbers: what each part shows, and the templates of its own."""

from deepchord.coordinator.report.regression.page.page import render_page

__all__ = ["render_page"]
