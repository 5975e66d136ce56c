"""The live view: a line per member, an overall bar and the ensemble so far; plain lines where there is no terminal."""

from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coordinator.progress import RunView
from shared.messages import FailedMember, MemberProgress, RunSpec, TrainedMember, Trainer

#: A terminal narrower than this has no bars for members, and cuts their hosts' names to what is left.
_WIDE = 120
#: Columns for host, engine and device on a wide terminal, and what all other columns take on a narrow one.
_PLACE_WIDTH = 36
_NARROW_REST = 55
_LONGEST_HOST = 16
#: More members than this, and only those at work and their neighbours are shown.
_MOST_LINES = 20
#: Lines around those of the members: frame, heading, bar, and what is said below.
_OTHER_LINES = 14
_FEWEST_LINES = 3
_BAR_WIDTH = 28
#: More of an error than this is left to the logs.
_LONGEST_ERROR = 300


def show(views: Iterable[RunView], console: Console) -> RunView:
    """Show a run as its views come in, and return the last one.

    Args:
        views: The run, again and again, at least once.
        console: Where to show it; in place on a terminal, else a line for whatever changed.
    """
    # Not whether colours are forced, nor on a terminal that cannot go back to a line.
    if console.is_dumb_terminal or not console.file.isatty():
        return _show_in_lines(views, console)
    view = None
    with Live(console=console, auto_refresh=False) as live:
        for view in views:
            live.update(render(view, console.width, console.height), refresh=True)
    assert view is not None, "there is at least one view"  # noqa: S101  the contract of `views`
    return view


def _show_in_lines(views: Iterable[RunView], console: Console) -> RunView:
    previous: RunView | None = None
    for view in views:
        for line in changes(previous, view):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
        previous = view
    assert previous is not None, "there is at least one view"  # noqa: S101  the contract of `views`
    return previous


def changes(previous: RunView | None, view: RunView) -> Iterator[str]:
    """Yield a plain line for each thing that happened between two views."""
    run = view.run
    if previous is None:
        yield f"run {run.run_id}: {_headline(run)}"
    for index in range(run.members):
        line, before = view.progress.get(index), previous.progress.get(index) if previous else None
        if line and line.last and (before is None or before.epochs_done != line.epochs_done):
            place = _place(line.trainer, _PLACE_WIDTH)
            yield f"member {index} epoch {line.epochs_done}/{line.epochs} {_metrics(line)} on {place}"
        if index in view.records and (previous is None or index not in previous.records):
            yield f"member {index} {_result(view, index)}"
        if index in view.notes and (previous is None or previous.notes.get(index) != view.notes[index]):
            yield f"member {index} had trouble: {_one_line(view.notes[index])}"
    told = _sentences(previous) if previous else {}
    for about, sentence in _sentences(view).items():
        if told.get(about) != sentence:
            yield sentence
    if previous is None or previous.state != view.state:
        yield f"run {run.run_id} is {view.state} ({view.trained} of {run.members} members trained)"


def _sentences(view: RunView) -> dict[str, str]:
    """Return what there is to say of the run as a whole, by what it is about."""
    found = {
        "evaluation": view.evaluation_note and _evaluation_trouble(view.evaluation_note),
        "so far": view.so_far and _so_far(view),
        "unserved": view.unserved,
        "blind": _BLIND if _is_blind(view) else None,
    }
    return {about: sentence for about, sentence in found.items() if sentence}


def render(view: RunView, width: int, height: int | None = None) -> RenderableType:
    """Return the whole view for a terminal of so many columns and lines; None: as many lines as it takes."""
    most = _MOST_LINES if height is None else min(_MOST_LINES, max(_FEWEST_LINES, height - _OTHER_LINES))
    shown = _shown(view, most)
    parts: list[RenderableType] = [_members(view, shown, width)]
    if len(shown) < view.run.members:
        parts.append(Text(f"and {view.run.members - len(shown)} more", style="dim"))
    parts += [Text(), _overall(view)]
    if view.so_far:
        parts.append(Text(_so_far(view), style="green"))
    parts.extend(Text(text, style="yellow") for text in _troubles(view)[-_FEWEST_LINES:])
    if view.failure is not None:
        parts.append(Text(f"failed: {_one_line(view.failure.reason)}", style="red"))
    if _is_blind(view):
        parts.append(Text(_BLIND, style="yellow"))
    if view.unserved is not None:
        parts.append(Text(view.unserved, style="yellow"))
    title = Text.assemble((" deepchord ", "bold"), (f"{view.run.run_id} ", "dim"))
    subtitle = Text(f" {_headline(view.run)} ")
    return Panel(Group(*parts), title=title, title_align="left", subtitle=subtitle, padding=(1, 2), border_style="dim")


def _headline(run: RunSpec) -> str:
    epochs = f"at most {_counted(run.recipe.epochs, 'epoch')}"
    return f"{run.preset} on {run.dataset.name}, {_counted(run.members, 'member')}, {epochs}, seed {run.seed}"


def _members(view: RunView, shown: Iterable[int], width: int) -> Table:
    wide = width >= _WIDE
    place_width = _PLACE_WIDTH if wide else max(1, width - _NARROW_REST)
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
        return _trained_cells(view, record.member, place_width)
    if line is None:
        return (Text("waiting", style="dim"),)
    left, waits = view.member_seconds_left(index), line.phase == "waiting"
    return (
        Text("waiting", style="dim") if waits else _place(line.trainer, place_width),
        f"{line.epochs_done}/{line.epochs}",
        f"{line.last.train_loss:.4f}" if line.last else Text("…", style="dim"),
        f"{line.last.validation_accuracy:.2%}" if line.last else Text("…", style="dim"),
        "" if waits else Text(f"{clock(left)} left" if left is not None else line.phase, style="dim"),
    )


def _trained_cells(view: RunView, member: TrainedMember, place_width: int) -> tuple[RenderableType, ...]:
    best = member.history[member.best_epoch - 1]
    return (
        _place(member.trainer, place_width),
        f"{len(member.history)}/{view.run.recipe.epochs}",
        f"{best.train_loss:.4f}",
        f"{best.validation_accuracy:.2%}",
        Text(f"{clock(member.duration_s)} ✓", style="green"),
    )


def _place(trainer: Trainer, width: int) -> str:
    """Return host, engine and device; the host's name is cut first."""
    rest = f"{trainer.engine} {trainer.device}"
    host = trainer.host[: max(0, min(_LONGEST_HOST, width - len(rest) - 1))]
    return f"{host} {rest}".strip()


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


def _so_far(view: RunView) -> str:
    if view.so_far is None:
        return ""
    members = _counted(view.so_far.members, "member")
    return f"ensemble so far: {view.so_far.test_accuracy:.2%} test accuracy with {members}"


def _result(view: RunView, index: int) -> str:
    member = view.records[index].member
    if isinstance(member, FailedMember):
        after = f" after {_counted(member.attempt, 'attempt')}" if member.attempt else ""
        return f"failed{after}: {_one_line(member.error)}"
    best = member.history[member.best_epoch - 1]
    return (
        f"trained in {clock(member.duration_s)}, best epoch {member.best_epoch} of {len(member.history)}, "
        f"val. accuracy {best.validation_accuracy:.2%}"
    )


def _metrics(line: MemberProgress) -> str:
    if line.last is None:
        return ""
    return f"loss {line.last.train_loss:.4f} val. accuracy {line.last.validation_accuracy:.2%}"


def _troubles(view: RunView) -> list[str]:
    failed = {index for index, record in view.records.items() if isinstance(record.member, FailedMember)}
    found = [
        f"member {index} {_result(view, index)}"
        if index in failed
        else f"member {index} had trouble: {_one_line(view.notes[index])}"
        for index in sorted(failed.union(view.notes))
    ]
    if view.evaluation is None and view.evaluation_note is not None:
        found.append(_evaluation_trouble(view.evaluation_note))
    return found


def _evaluation_trouble(note: str) -> str:
    return f"the evaluation had trouble: {_one_line(note)}"


_BLIND = "no broker answers here: this is what storage tells"


def _is_blind(view: RunView) -> bool:
    return not view.live and not view.has_ended


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ERROR else line[: _LONGEST_ERROR - 1] + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock(seconds: float) -> str:
    """Return a duration as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
