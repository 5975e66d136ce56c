"""Shows a run as it goes on where Python is at work: in a terminal, in a notebook, or as lines."""

import io
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.terminal_theme import TerminalTheme
from rich.theme import Theme

from deepchord.coordinator.monitoring import RunView, render, show
from deepchord.shared.command_line import PrintableConsole, new_console

_NOTEBOOK_WIDTH = 100
#: JupyterLab would break long lines, and its letters are too large for this many beside a sidebar.
_STYLE = "white-space: pre; overflow-x: auto; font: 0.85em/1.25 Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_FORMAT = f'<pre style="{_STYLE}">{{code}}</pre>'
_BLACK, _GREY, _WHITE = (0, 0, 0), (128, 128, 128), (255, 255, 255)
_RED, _GREEN, _YELLOW, _BLUE = (208, 64, 64), (46, 139, 87), (168, 124, 0), (64, 112, 208)
#: Colours that can be read on white and on black, in the order of a terminal's.
_COLOURS = TerminalTheme(_WHITE, _BLACK, [_GREY, _RED, _GREEN, _YELLOW, _BLUE, _RED, (15, 143, 143), _GREY])
_STYLES = Theme({"bar.back": "#808080"})


class ViewInterrupt(KeyboardInterrupt):
    """An interrupted cell, which Jupyter shows as one sentence instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def show_views(views: Iterable[RunView]) -> RunView:
    """Show views of a run as they come, and return the last one."""
    return _show_in_notebook(views) if is_notebook() else show(views, new_console())


def views_until(views: Iterator[RunView], timeout: float | None) -> Iterator[RunView]:
    """Yield views until the time, in seconds, is over; None: all of them."""
    deadline = None if timeout is None else time.monotonic() + timeout
    for view in views:
        yield view
        if deadline is not None and time.monotonic() >= deadline:
            return


def is_notebook() -> bool:
    """Return whether this is a kernel of Jupyter, which can replace what it has shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _show_in_notebook(views: Iterable[RunView]) -> RunView:
    from IPython.display import display

    handle: Any = None
    shown, last = None, None
    try:
        for view in views:
            last, page = view, _as_page(view)
            if handle is None:
                handle = display(page, raw=True, display_id=True)
            elif page != shown:
                handle.update(page, raw=True)
            shown = page
    except KeyboardInterrupt as interrupt:
        raise ViewInterrupt(
            "The view has ended, and the run goes on: watch() shows it again, cancel() stops it."
        ) from interrupt
    assert last is not None, "there is at least one view"  # noqa: S101  the contract of `watch_run`
    return last


def _as_page(view: RunView) -> dict[str, str]:
    """Return a view by media type: for notebooks, and for what shows them as text only."""
    console = PrintableConsole(
        record=True,
        width=_NOTEBOOK_WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        force_jupyter=False,  # else rich shows it by itself, and anew each time
        color_system="truecolor",
        theme=_STYLES,
    )
    console.print(render(view, console.width))
    return {
        "text/plain": console.export_text(clear=False),
        "text/html": console.export_html(theme=_COLOURS, inline_styles=True, code_format=_FORMAT),
    }
