"""The live view: a line per member, an overall bar and the ensemble so far; plain lines where there is no terminal."""

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coordinator.live_lines import show_in_lines
from coordinator.progress import RunView
from coordinator.wording import BLIND, PLACE_WIDTH, clock, headline, is_blind, one_line, place, so_far, troubles
from shared.messages import FailedMember, TrainedMember

#: A terminal narrower than this has no bars for members, and cuts their hosts' names to what is left.
_WIDE = 120
#: What all columns but that of host, engine and device take on a narrow terminal.
_NARROW_REST = 55
#: More members than this, and only those at work and their neighbours are shown.
_MOST_LINES = 20
#: Lines around those of the members: frame, heading, bar, and what is said below.
_OTHER_LINES = 14
_FEWEST_LINES = 3
_BAR_WIDTH = 28


def show(views: Iterable[RunView], console: Console) -> RunView:
    """Show a run as its views come in, and return the last one.

    Args:
        views: The run, again and again, at least once.
        console: Where to show it; in place on a terminal, else a line for whatever changed.
    """
    # Not whether colours are forced, nor on a terminal that cannot go back to a line.
    if not console.is_terminal or console.is_dumb_terminal or not console.file.isatty():
        return show_in_lines(views, console)
    view = None
    with Live(console=console, auto_refresh=False) as live:
        for view in views:
            live.update(render(view, console.width, console.height), refresh=True)
    assert view is not None, "there is at least one view"  # noqa: S101  the contract of `views`
    return view


def render(view: RunView, width: int, height: int | None = None) -> RenderableType:
    """Return the whole view for a terminal of so many columns and lines; None: as many lines as it takes."""
    most = _MOST_LINES if height is None else min(_MOST_LINES, max(_FEWEST_LINES, height - _OTHER_LINES))
    shown = _shown(view, most)
    parts: list[RenderableType] = [_members(view, shown, width)]
    if len(shown) < view.run.members:
        parts.append(Text(f"and {view.run.members - len(shown)} more", style="dim"))
    parts += [Text(), _overall(view)]
    if view.so_far:
        parts.append(Text(so_far(view), style="green"))
    parts.extend(Text(text, style="yellow") for text in troubles(view)[-_FEWEST_LINES:])
    if view.failure is not None:
        parts.append(Text(f"failed: {one_line(view.failure.reason)}", style="red"))
    if is_blind(view):
        parts.append(Text(BLIND, style="yellow"))
    if view.unserved is not None:
        parts.append(Text(view.unserved, style="yellow"))
    title = Text.assemble((" deepchord ", "bold"), (f"{view.run.run_id} ", "dim"))
    subtitle = Text(f" {headline(view.run)} ")
    return Panel(Group(*parts), title=title, title_align="left", subtitle=subtitle, padding=(1, 2), border_style="dim")


def _members(view: RunView, shown: Iterable[int], width: int) -> Table:
    wide = width >= _WIDE
    place_width = PLACE_WIDTH if wide else max(1, width - _NARROW_REST)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("member", justify="right", no_wrap=True)
    table.add_column("trained on", no_wrap=True, overflow="ellipsis", max_width=place_width)
    if wide:
        table.add_column("")  # the bar is what gives way
    for name in ("epoch", "loss", "val. acc.", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for index in shown:
        place, *numbers = _cells(view, index, place_width)
        bar = [_bar(view.member_share(index), _BAR_WIDTH) if numbers else ""] if wide else []
        table.add_row(f"{index}", place, *bar, *numbers)
    return table


def _shown(view: RunView, most: int) -> list[int]:
    everyone = range(view.run.members)
    at_work = [index for index in everyone if index in view.progress and index not in view.records]
    centre = at_work[0] if at_work else max(view.records, default=0)
    others = sorted(set(everyone).difference(at_work), key=lambda index: abs(index - centre))
    return sorted([*at_work, *others][:most])


def _cells(view: RunView, index: int, place_width: int) -> tuple[RenderableType, ...]:
    record, line = view.records.get(index), view.progress.get(index)
    if record is not None and isinstance(record.member, FailedMember):
        return (Text("failed", style="red"),)
    if record is not None and isinstance(record.member, TrainedMember):
        return _trained_cells(record.member, place_width)
    if line is None:
        return (Text("waiting", style="dim"),)
    left, waits = view.member_seconds_left(index), line.phase == "waiting"
    return (
        Text("waiting", style="dim") if waits else place(line.trainer, place_width),
        f"{line.epochs_done}/{line.epochs}",
        f"{line.last.train_loss:.4f}" if line.last else Text("…", style="dim"),
        f"{line.last.validation_accuracy:.2%}" if line.last else Text("…", style="dim"),
        "" if waits else Text(f"{clock(left)} left" if left is not None else line.phase, style="dim"),
    )


def _trained_cells(member: TrainedMember, place_width: int) -> tuple[RenderableType, ...]:
    best = member.history[member.best_epoch - 1]
    return (
        place(member.trainer, place_width),
        # As in the other lines the epoch that loss and accuracy are of: the one whose weights were kept.
        f"{member.best_epoch}/{len(member.history)}",
        f"{best.train_loss:.4f}",
        f"{best.validation_accuracy:.2%}",
        Text(f"{clock(member.duration_s)} ✓", style="green"),
    )


def _bar(share: float, width: int | None = None) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=width, complete_style="cyan", finished_style="green")


def _overall(view: RunView) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()  # the bar is what gives way
    table.add_column(no_wrap=True)
    text = f"{view.trained} of {view.run.members} trained · {view.state} · {clock(view.elapsed_s())}"
    table.add_row(Text("all", style="bold"), _bar(view.share_done), text)
    return table
