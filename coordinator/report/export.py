"""The report as a folder that people open and send on: page, CSV, JSON, recipe and figures."""

import tempfile
from pathlib import Path

from deepchord.coordinator.report.findings import RECIPE_FILE, recipe_toml
from deepchord.coordinator.report.rendering import AnyContent, render_page, summary_csv, summary_json, write_figures
from deepchord.shared.errors import StorageError

_PAGE = "index.html"


def write_report(content: AnyContent, folder: Path) -> Path:
    """Write `index.html`, `summary.csv`, `summary.json`, `figures/*.png`, `figures/*.svg` and, of a run, `recipe.toml`.

    All files are written into a temporary folder first and then moved into place, the page last. Other files in the
    folder stay.

    Args:
        content: What is reported.
        folder: Where to; created if missing.

    Returns:
        The path of the page.

    Raises:
        StorageError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as aside:
            _write(content, Path(aside))
            _move(Path(aside), folder)
    except OSError as error:
        raise StorageError(
            f"The report of {content.title} cannot be written to {folder}: {error.strerror or error}. "
            "Choose a folder that can be written, or make room."
        ) from error
    return folder / _PAGE


def _write(content: AnyContent, folder: Path) -> None:
    figures = folder / "figures"
    figures.mkdir()
    write_figures(content, figures)
    (folder / "summary.csv").write_text(summary_csv(content), encoding="utf-8")
    (folder / "summary.json").write_text(summary_json(content), encoding="utf-8")
    if content.spec is not None:
        (folder / RECIPE_FILE).write_text(recipe_toml(content.spec), encoding="utf-8")
    (folder / _PAGE).write_text(render_page(content), encoding="utf-8")


def _move(source: Path, target: Path) -> None:
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.name == _PAGE)
    for path in files:
        place = target / path.relative_to(source)
        place.parent.mkdir(exist_ok=True)
        path.replace(place)
