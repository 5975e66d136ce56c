"""Shows a run as it goes on where Python is at work: in a terminal, in a notebook, or as lines."""

import io
import sys
from collections.abc import Iterable
from typing import Any

from deepchord.coordinator.monitoring import RunView, render, show
from deepchord.shared.command_line import PrintableConsole, new_console

_NOTEBOOK_WIDTH = 100
_FORMAT = "<pre style=\"line-height: 1.25; font-family: Menlo, Consolas, 'DejaVu Sans Mono', monospace\">{code}</pre>"


def show_views(views: Iterable[RunView]) -> RunView:
    """Show views of a run as they come, and return the last one."""
    return _show_in_notebook(views) if is_notebook() else show(views, new_console())


def is_notebook() -> bool:
    """Return whether this is a kernel of Jupyter, which can replace what it has shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _show_in_notebook(views: Iterable[RunView]) -> RunView:
    from IPython.display import HTML, display

    shown: Any = None
    last = None
    for view in views:
        last = view
        page = HTML(_as_html(view))
        if shown is None:
            shown = display(page, display_id=True)
        else:
            shown.update(page)
    assert last is not None, "there is at least one view"  # noqa: S101  the contract of `watch_run`
    return last


def _as_html(view: RunView) -> str:
    console = PrintableConsole(
        record=True, width=_NOTEBOOK_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(render(view, console.width))
    return console.export_html(inline_styles=True, code_format=_FORMAT)
