"""The site that `make docs` builds: complete, without dead links, and without anything from the network."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import deepchord
from deepchord.commands import commands
from tests.browsers import DESKTOP, PHONE
from tests.docs.documents import ROOT

pytestmark = pytest.mark.slow

_PAGES = ("index", "tutorial", "architecture", "reference/python", "reference/commands", "decisions/README")
_FROM_ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe|object|embed)\b[^>]*\b(?:src|href|data)="(?:https?:)?//""")


def _build(docs: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    """Build as the Makefile does."""
    options = ["-q", "-W", "--keep-going", "-E", "-c", ROOT / "docs" / "site", "-d", site.parent / "doctrees"]
    command = [sys.executable, "-m", "sphinx", *options, docs, site]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(shared_folder, once) -> Path:
    """The site; it is built without a warning."""

    def build() -> Path:
        built = _build(ROOT / "docs", shared_folder / "site")
        assert (built.returncode, built.stderr) == (0, "")
        return shared_folder / "site"

    return once("site", build)


def test_no_page_takes_anything_from_the_network(site):
    pages = [page for page in site.rglob("*.html") if "_downloads" not in page.parts]

    assert len(pages) > 30
    assert [page.name for page in pages if _FROM_ELSEWHERE.search(page.read_text("utf-8"))] == []
    assert [
        sheet.name for sheet in site.rglob("*.css") if re.search(r"url\(['\"]?http|@import", sheet.read_text())
    ] == []


def test_the_reference_has_all_commands_with_all_options(site):
    page = (site / "reference" / "commands.html").read_text("utf-8")

    for name, command in typer.main.get_command(commands).commands.items():
        (section,) = re.findall(rf'<section id="deepchord-{name}">.*?</section>', page, re.DOTALL)
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        assert {option for option in options if option not in section} == set(), name


def test_the_reference_has_all_that_is_public(site):
    page = (site / "reference" / "python.html").read_text("utf-8")

    assert {name for name in deepchord.__all__ if f'id="deepchord.{name}"' not in page} == set()
    assert 'id="deepchord.Ensemble.predict"' in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_pages_are_as_wide_as_the_window_and_ask_for_files_beside_them_only(site, browser, size, scheme):
    for page in _PAGES:
        browser.open(site / f"{page}.html", size, scheme)

        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), page
        assert [url for url in browser.requests() if not url.startswith(site.as_uri())] == []
        assert browser.complaints() == []


def test_search_needs_no_server(site, browser):
    browser.open((site / "search.html").as_uri() + "?q=temperature", DESKTOP, "light")

    # Results come one after the other.
    assert browser.evaluate(
        """(async () => {
            for (let tries = 0; tries < 600; tries++) {
                if (document.querySelector("#search-results").textContent.includes("Glossary")) return true;
                await new Promise((done) => setTimeout(done, 50));
            }
            return false;
        })()"""
    )


def test_a_link_that_leads_nowhere_and_a_diagram_without_a_picture_end_the_build(tmp_path):
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs" / "reference", docs / "reference")
    (docs / "index.md").write_text(
        "# Front\n\n[a](nowhere.md) [b](reference/commands.md#nowhere)\n\n```mermaid\nflowchart LR\n    a --> b\n```\n"
    )

    built = _build(docs, tmp_path / "site")

    assert built.returncode != 0
    assert "'nowhere.md'" in built.stderr
    assert "'nowhere'" in built.stderr
    assert "This diagram has no picture" in built.stderr
