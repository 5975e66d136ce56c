"""The report as one self-contained HTML page: what each part shows, and the templates that show it."""

from deepchord.coordinator.report.page.environment import TEMPLATES, new_environment
from deepchord.coordinator.report.page.page import render_page

__all__ = ["TEMPLATES", "new_environment", "render_page"]
