"""The view of a run where a terminal cannot be redrawn: a plain line for each thing that happens."""

from collections.abc import Iterable, Iterator

from deepchord.coordinator.monitoring.phrases import (
    OFFLINE,
    PLACE_WIDTH,
    awaited,
    evaluation_trouble,
    headline,
    is_offline,
    member_trouble,
    place,
    result,
    so_far,
    validated,
)
from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.messages import MemberProgress
from deepchord.shared.network import Task


def show_plainly(views: Iterable[RunView], console: PrintableConsole) -> RunView:
    """Print a line for each change between the views of a run, and return the last view."""
    previous: RunView | None = None
    for view in views:
        for line in changes(previous, view):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
        previous = view
    assert previous is not None, "there is at least one view"  # noqa: S101  the contract of `watch_run`
    return previous


def changes(previous: RunView | None, view: RunView) -> Iterator[str]:
    """Yield a plain line for each thing that happened between two views."""
    run = view.run
    if previous is None:
        yield f"run {run.run_id}: {headline(run)}"
    for index in range(run.members):
        line, before = view.progress.get(index), previous.progress.get(index) if previous else None
        if line and line.last and (before is None or before.epochs_done != line.epochs_done):
            where = place(line.trainer, PLACE_WIDTH)
            metrics = _metrics(line, run.dataset.outputs.task)
            yield f"member {index} epoch {line.epochs_done}/{line.epochs} {metrics} on {where}"
        if index in view.records and (previous is None or index not in previous.records):
            yield f"member {index} {result(view, index)}"
        if index in view.notes and (previous is None or previous.notes.get(index) != view.notes[index]):
            yield member_trouble(index, view.notes[index])
    printed = _sentences(previous) if previous else {}
    for about, sentence in _sentences(view).items():
        if printed.get(about) != sentence:
            yield sentence
    if previous is None or previous.state != view.state:
        yield f"run {run.run_id} is {view.state} ({view.trained} of {run.members} members trained)"


def _sentences(view: RunView) -> dict[str, str]:
    """Return the sentences about the run as a whole, by topic."""
    sentences = {
        "evaluation": view.evaluation_note and evaluation_trouble(view.evaluation_note),
        "so far": view.so_far and so_far(view),
        "awaited": awaited(view),
        "stall": view.stall_reason,
        "offline": OFFLINE if is_offline(view) else None,
    }
    return {about: sentence for about, sentence in sentences.items() if sentence}


def _metrics(line: MemberProgress, task: Task) -> str:
    if line.last is None:
        return ""
    return f"loss {line.last.train_loss:.4f} {validated(line.last, task)}"
