"""A report that was written, for Python."""

from pathlib import Path


class Report:
    """A report that was written; a notebook shows it."""

    def __init__(self, page: Path) -> None:
        """Take the path of the page."""
        self.path = page

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own: it has its own colours and its own script."""
        source = self.path.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
        return f'<iframe srcdoc="{source}" style="width: 100%; height: 48rem; border: 0"></iframe>'

    def __repr__(self) -> str:
        return f"<Report {self.path}>"
