"""The view of a run on a terminal: a line per member, a bar for all, the ensemble so far; elsewhere plain lines."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.monitoring.phrases import (
    OFFLINE,
    PLACE_WIDTH,
    activity,
    awaited,
    clock,
    headline,
    is_offline,
    one_line,
    place,
    so_far,
    troubles,
)
from deepchord.coordinator.monitoring.plain_view import show_plainly
from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.coordinator.monitoring.screen import LiveScreen, is_in_front
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.messages import EpochMetrics, FailedMember, TrainedMember
from deepchord.shared.network import Task

#: Which columns follow the member's number on a terminal of at least so many characters; "" is the bar.
_COLUMNS = (
    (120, ("trained on", "", "epoch", "loss", "validated", "time")),
    (72, ("trained on", "epoch", "loss", "validated", "time")),
    (60, ("trained on", "epoch", "validated", "time")),
    (0, ("epoch", "time")),
)
#: The heading of the bar.
_BAR = ""
#: How a member did on its validation images: the column, and its heading by what is predicted.
_VALIDATED = "validated"
_VALIDATED_HEADINGS: Mapping[Task, str] = {
    "classification": "val. acc.",
    "regression": "val. RMSE",
    "multilabel": "Hamming",
}
#: The widths of some columns, in characters.
_COLUMN_WIDTHS = {"loss": 8, "validated": 11}
#: The width of all other columns together, in characters, without the column of host, engine and device.
_OTHER_COLUMNS_WIDTH = 36
#: How many members are shown at most: those in training and their neighbours.
_MAX_LINES = 20
#: Lines above and below the members: frame, heading, bar, messages.
_OTHER_LINES = 14
_MIN_LINES = 3
#: Characters of the frame on both sides of its title.
_FRAME_WIDTH = 6
#: How many of the last lines on stderr are shown.
_MAX_STDERR_LINES = 3
_BAR_WIDTH = 28


def show(views: Iterable[RunView], console: PrintableConsole, notices: Sequence[str] = ()) -> RunView:
    """Show a run as its views come in, and return the last one.

    Args:
        views: Views of the run, at least one.
        console: Where to show them. A terminal shows each view in the place of the one before, and keeps the last;
            anything else gets a line for each change.
        notices: Lines that are shown below the view.
    """
    if not _has_screen(console):
        return show_plainly(views, console)
    view = None
    screen = LiveScreen(console)
    try:
        with screen:
            for view in views:
                screen.draw(partial(_on_screen, view, notices, screen))
    finally:
        if view is not None:
            console.print(render(view, console.width))
        sys.stderr.writelines(f"{line}\n" for line in screen.stderr_lines)
    assert view is not None, "there is at least one view"  # noqa: S101  the contract of `watch_run`
    return view


def _has_screen(console: PrintableConsole) -> bool:
    """Return whether a view can be drawn over the one before; forced colours do not count.

    It cannot on a terminal without a movable cursor, nor if another process group has the terminal: a command that a
    script starts with `timeout` may never get it.
    """
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty() and is_in_front(console)


def _on_screen(view: RunView, notices: Sequence[str], screen: LiveScreen, width: int, height: int) -> RenderableType:
    """Return the view with the notices and the last lines of stderr below it."""
    lines = [Text(line, style="dim") for line in notices]
    lines += [Text(line, style="yellow") for line in screen.stderr_lines[-_MAX_STDERR_LINES:]]
    used = sum(-(-line.cell_len // width) for line in lines)
    return Group(render(view, width, height - used), *lines)


def render(view: RunView, width: int, height: int | None = None) -> RenderableType:
    """Return the view for a terminal of `width` characters and `height` lines; None: as many lines as it needs."""
    most = _MAX_LINES if height is None else min(_MAX_LINES, max(_MIN_LINES, height - _OTHER_LINES))
    shown = _shown(view, most)
    parts: list[RenderableType] = [_members(view, shown, width)]
    if len(shown) < view.run.members:
        parts.append(Text(f"and {view.run.members - len(shown)} more", style="dim"))
    parts += [Text(), _overall(view, width)]
    if view.so_far:
        parts.append(Text(so_far(view), style="green"))
    parts.extend(Text(text, style="yellow") for text in troubles(view)[-_MIN_LINES:])
    if view.failure is not None:
        parts.append(Text(f"failed: {one_line(view.failure.reason)}", style="red"))
    if view.awaited_members is not None:
        parts.append(Text(awaited(view), style="yellow"))
    if is_offline(view):
        parts.append(Text(OFFLINE, style="yellow"))
    if view.stall_reason is not None:
        parts.append(Text(view.stall_reason, style="yellow"))
    title = Text.assemble((" deepchord ", "bold"), (f"{view.run.run_id} ", "dim"))
    subtitle = Text(f" {headline(view.run)} ")
    subtitle.truncate(max(1, width - _FRAME_WIDTH), overflow="ellipsis")
    return Panel(Group(*parts), title=title, title_align="left", subtitle=subtitle, padding=(1, 2), border_style="dim")


def _members(view: RunView, shown: Iterable[int], width: int) -> Table:
    columns = _columns(width)
    rest = _OTHER_COLUMNS_WIDTH + sum(_COLUMN_WIDTHS.get(name, 0) for name in columns)
    place_width = PLACE_WIDTH if _BAR in columns else max(1, width - rest)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("member", justify="right", no_wrap=True)
    for name in columns:
        if name == _BAR:
            table.add_column("")  # it gets the room that is left
        elif name == "trained on":
            table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=place_width)
        else:
            heading = _VALIDATED_HEADINGS[view.run.dataset.outputs.task] if name == _VALIDATED else name
            table.add_column(heading, justify="right", no_wrap=True)
    for index in shown:
        cells = _cells(view, index, place_width)
        if "trained on" not in columns and "time" not in cells:
            cells["time"] = cells["trained on"]  # failed, or waiting
        table.add_row(f"{index}", *(cells.get(name, "") for name in columns))
    return table


def _columns(width: int) -> tuple[str, ...]:
    return next(columns for least, columns in _COLUMNS if width >= least)


def _shown(view: RunView, most: int) -> list[int]:
    everyone = range(view.run.members)
    at_work = [index for index in everyone if index in view.progress and index not in view.records]
    centre = at_work[0] if at_work else max(view.records, default=0)
    others = sorted(set(everyone).difference(at_work), key=lambda index: abs(index - centre))
    return sorted([*at_work, *others][:most])


def _cells(view: RunView, index: int, place_width: int) -> dict[str, RenderableType]:
    """Return the cells of a member, by column."""
    record, line = view.records.get(index), view.progress.get(index)
    bar = _bar(view.member_share(index), _BAR_WIDTH)
    if record is not None and isinstance(record.member, FailedMember):
        return {"trained on": Text("failed", style="red")}
    if record is not None and isinstance(record.member, TrainedMember):
        return {**_trained_cells(record.member, view.run.dataset.outputs.task, place_width), _BAR: bar}
    if line is None:
        return {"trained on": Text("waiting", style="dim")}
    cells: dict[str, RenderableType] = {
        "trained on": place(line.trainer, place_width),
        _BAR: bar,
        "epoch": f"{line.epochs_done}/{line.epochs}",
        "loss": f"{line.last.train_loss:.4f}" if line.last else Text("…", style="dim"),
        _VALIDATED: _score(line.last, view.run.dataset.outputs.task) if line.last else Text("…", style="dim"),
    }
    if line.phase == "waiting":
        return {**cells, "trained on": Text("waiting", style="dim")}
    left = view.member_seconds_left(index)
    return {**cells, "time": Text(activity(line) if left is None else f"{clock(left)} left", style="dim")}


def _trained_cells(member: TrainedMember, task: Task, place_width: int) -> dict[str, RenderableType]:
    best = member.history[member.best_epoch - 1]
    return {
        "trained on": place(member.trainer, place_width),
        # The epoch whose weights were kept: loss and accuracy are of that one, too.
        "epoch": f"{member.best_epoch}/{len(member.history)}",
        "loss": f"{best.train_loss:.4f}",
        _VALIDATED: _score(best, task),
        "time": Text(f"{clock(member.duration_s)} ✓", style="green"),
    }


def _score(epoch: EpochMetrics, task: Task) -> str:
    if task == "regression":
        return f"{epoch.validation_error:.3f} SD"
    return f"{epoch.validation_error if task == 'multilabel' else epoch.validation_accuracy:.2%}"


def _bar(share: float, width: int | None = None) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=width, complete_style="cyan", finished_style="green")


def _overall(view: RunView, width: int) -> RenderableType:
    text = f"{view.trained} of {view.run.members} trained · {view.state} · {clock(view.elapsed_s())}"
    if "trained on" not in _columns(width):
        return Text(text)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()  # the bar gets the room that is left
    table.add_column(no_wrap=True)
    table.add_row(Text("all", style="bold"), _bar(view.share_done), text)
    return table
