"""How Sphinx builds the site of docs/: `make docs`. The pages are plain Markdown, which GitHub shows as well.

What only the site can show is put in here when a page is read: the navigation, and the commands of the command line.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NewType, TypeVar

import numpy.typing as npt
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))
from diagrams import DOCS, picture_of

#: What stands on the left, after the tutorial.
NAVIGATION = {
    "Guides": (
        "own_data",
        "tables",
        "Fine-tuning a Keras model <fine_tuning>",
        "Regression <regression>",
        "Several labels <multilabel>",
        "In scikit-learn <scikit_learn>",
        "Uncertainty <uncertainty>",
        "Prediction and serving <prediction>",
        *(["notebooks/*"] if any(DOCS.glob("notebooks/*.ipynb")) else []),
        "A fleet <fleet>",
        "Housekeeping <housekeeping>",
        "Borrowed machines <borrowed>",
        "Notices and trackers <tracking>",
        "The dashboard <dashboard>",
        "Faults <faults>",
        "PlaidML <plaidml>",
    ),
    "Reference": (
        "reference/python",
        "reference/commands",
        "Settings and exit codes <cli>",
        "recipes",
        "glossary",
    ),
    "Background": (
        "architecture",
        "How Celery is used <celery>",
        "performance",
        "The preset notebook <notebook>",
        "The preset best <best>",
        "decisions/README",
    ),
}

project = "deepchord"
root_doc = "index"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["site", "pictures", "best", "borrowed", "notebook", "**/.ipynb_checkpoints"]

# Markdown: links and anchors as GitHub has them. Those that lead nowhere are warnings, and `make docs` lets none pass.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
# Notebooks are shown as they were saved; a test runs them.
nb_execution_mode = "off"

# Docstrings: Google style, with Markdown's backticks around code.
default_role = "code"
autoclass_content = "class"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "deepchord"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}


class _Array(Generic[TypeVar("_Element")]):  # type: ignore[misc]  # the variable has no name of its own
    """What stands in for an array in the reference."""


# Else the reference would show all that these stand for, some lines of it.
_Array.__module__, _Array.__qualname__, _Array.__name__ = "numpy.typing", "NDArray", "NDArray"
npt.NDArray, npt.ArrayLike = _Array, NewType("ArrayLike", object)


class Mermaid(Directive):
    """A diagram, as its picture."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the picture; fail where it is missing."""
        picture = picture_of("\n".join(self.content))
        if not picture.exists():
            raise self.error("This diagram has no picture: docs/site/diagrams.py says how to draw it.")
        image = nodes.image(uri=f"/{picture.relative_to(DOCS)}", alt="diagram", classes=["diagram"])
        return [nodes.container("", image, classes=["diagram"])]


def _complete(_: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what the site alone shows."""
    if page == root_doc:
        source[0] += _contents(None, ("tutorial",)) + "".join(_contents(*part) for part in NAVIGATION.items())
    elif page == "decisions/README":
        source[0] += _contents(None, ("*",))
    elif page == "reference/commands":
        source[0] += _commands()


def _contents(caption: str | None, pages: tuple[str, ...]) -> str:
    options = [":hidden:", ":glob:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *pages, "```", ""])


def _commands() -> str:
    """Return what Typer's own generator writes of all commands, without its title and its shortened list of them."""
    command = [sys.executable, "-m", "typer", "--app", "commands", "deepchord.commands", "utils", "docs"]
    written = subprocess.run([*command, "--name", "deepchord"], check=True, capture_output=True, text=True).stdout
    text = re.sub(r"^\*\*Commands\*\*:.*?(?=^## )", "", written.partition("\n")[2], flags=re.MULTILINE | re.DOTALL)
    # Options in sentences are code, too.
    return re.sub(r"(`[^`]*`)|(--[a-z][a-z-]*)", lambda found: found[1] or f"`{found[2]}`", text)


def _replacing(old: str, new: str) -> Callable[..., None]:
    """Return what replaces a text in the first line of docstrings of attributes."""

    def replace(_: Sphinx, kind: str, __: str, ___: object, ____: object, lines: list[str]) -> None:
        if kind in ("property", "attribute"):
            lines[:1] = [line.replace(old, new) for line in lines[:1]]

    return replace


def _hide_constructors(_: Sphinx, kind: str, name: str, *__: Any) -> tuple[str, str] | None:
    """Leave out how values are made that only deepchord makes."""
    return ("", "") if kind == "class" and not name.startswith("deepchord.sklearn.") else None


def setup(app: Sphinx) -> None:
    """Connect what is defined here."""
    app.add_directive("mermaid", Mermaid)
    app.connect("source-read", _complete)
    # Napoleon takes what stands before the first colon for the type of an attribute: it is shown none.
    app.connect("autodoc-process-docstring", _replacing(": ", "\ue000"), priority=400)
    app.connect("autodoc-process-docstring", _replacing("\ue000", ": "), priority=600)
    app.connect("autodoc-process-signature", _hide_constructors)
