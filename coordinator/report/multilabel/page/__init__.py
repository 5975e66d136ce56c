"""The page of an ensemble that predicts labels: what each part shows, and the templates of its own."""

from deepchord.coordinator.report.multilabel.page.page import render_page

__all__ = ["render_page"]
