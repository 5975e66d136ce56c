"""The workers of all hosts, and what each is at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import redis
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.runs import shorten_names
from deepchord.shared.broker import ProgressBoard, WorkerBoard, WorkerLine
from deepchord.shared.command_line import label
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import MemberProgress
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version

#: Where there is little room, the first of these columns stay.
_BY_WEIGHT = ("member", "epoch", "device", "samples/s", "seen", "deepchord")
#: Less of a name tells nothing.
_SHORTEST = 16
#: Blanks between two columns.
_BETWEEN = 2


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """A worker, and how far its member is."""

    worker: WorkerLine
    #: None: it waits, or evaluates, or its member has said nothing yet.
    progress: MemberProgress | None
    #: Training images per second in the last epoch, its validation included.
    samples_per_s: float | None

    @property
    def fits(self) -> bool:
        """Whether it understands what this deepchord says."""
        return self.worker.note.protocol == PROTOCOL

    def as_json(self) -> dict[str, Any]:
        """Return what scripts are told."""
        at_work, progress = self.worker.at_work, self.progress
        return {
            **self.worker.note.model_dump(mode="json"),
            "fits": self.fits,
            "seen_s_ago": round(self.worker.seen_s_ago, 1),
            "run_id": at_work and at_work[0],
            "member": at_work and at_work[1],
            "attempt": progress and progress.attempt,
            "epochs_done": progress and progress.epochs_done,
            "epochs": progress and progress.epochs,
            "epoch_share": progress and round(progress.epoch_share, 3),
            "samples_per_s": self.samples_per_s and round(self.samples_per_s, 1),
        }


def list_workers(client: redis.Redis, store: RunStore) -> list[WorkerRow]:
    """Return the workers that were heard of within the last minute, by host and name.

    Raises:
        redis.RedisError: The broker does not answer.
    """
    board, lines = ProgressBoard(client), []
    progress: dict[str, dict[int, MemberProgress]] = {}
    images: dict[str, float | None] = {}
    for worker in WorkerBoard(client).lines():
        run_id, index = worker.at_work or (None, None)
        if run_id is None or index is None:
            lines.append(WorkerRow(worker=worker, progress=None, samples_per_s=None))
            continue
        if run_id not in progress:
            progress[run_id], images[run_id] = board.read(run_id), _training_images(store, run_id)
        found, size = progress[run_id].get(index), images[run_id]
        speed = None if found is None or found.last is None or size is None else size / max(found.last.duration_s, 1e-9)
        lines.append(WorkerRow(worker=worker, progress=found, samples_per_s=speed))
    return lines


def worker_table(lines: list[WorkerRow], width: int | None = None) -> Table:
    """Return the workers as a table.

    Args:
        lines: The workers.
        width: Characters in a line of the terminal, on which names are whole as long as the other columns can go
            without; None: whatever the table needs.
    """
    columns = _columns(lines)
    names = [label(line.worker.note.name) for line in lines]
    if width is not None:
        # A worker that does not fit is what somebody looks for.
        weights = _BY_WEIGHT if all(line.fits for line in lines) else ("deepchord", *_BY_WEIGHT)
        columns = _fitting(columns, weights, width - max(map(len, names)))
        names = shorten_names(names, max(_SHORTEST, width - sum(map(_width, columns))))
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("worker", overflow="fold", min_width=min(_SHORTEST, max(map(len, names))))
    for column in columns:
        table.add_column(column.name, justify=column.justify, no_wrap=True)
    for name, *cells in zip(names, *(column.cells for column in columns), strict=True):
        table.add_row(Text(name), *cells)
    return table


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    cells: Sequence[Text]
    justify: Literal["left", "right"] = "left"


def _columns(lines: Sequence[WorkerRow]) -> list[_Column]:
    """Return what there is to say beside the names."""
    return [
        _Column(name="device", cells=[Text(_device(line)) for line in lines]),
        _Column(name="deepchord", cells=[_version(line) for line in lines]),
        _Column(name="member", cells=[_member(line) for line in lines]),
        _Column(name="epoch", cells=[Text(_epoch(line.progress)) for line in lines]),
        _Column(name="samples/s", cells=[Text(_speed(line)) for line in lines], justify="right"),
        _Column(name="seen", cells=[Text(f"{line.worker.seen_s_ago:.0f} s ago") for line in lines], justify="right"),
    ]


def _fitting(columns: Sequence[_Column], weights: Sequence[str], width: int) -> list[_Column]:
    """Return the columns that have room beside each other, the weightiest first; in their order."""
    kept: list[str] = []
    for name in weights:
        wanted = [column for column in columns if column.name in (*kept, name)]
        if sum(map(_width, wanted)) <= width:
            kept.append(name)
    return [column for column in columns if column.name in kept]


def _width(column: _Column) -> int:
    return _BETWEEN + max(len(column.name), *(cell.cell_len for cell in column.cells))


def _training_images(store: RunStore, run_id: str) -> float | None:
    try:
        run = store.run(run_id)
    except DeepchordError:  # the speed is left out; what is wrong with storage, others say
        return None
    return run.dataset.train_size * (1 - run.recipe.validation_fraction)


def _device(line: WorkerRow) -> str:
    note = line.worker.note
    return label(note.engine if note.device is None else f"{note.engine} {note.device}")


def _version(line: WorkerRow) -> Text:
    found = label(line.worker.note.version)
    return Text(found) if line.fits else Text(f"{found}, does not fit {version()}", style="red")


def _speed(line: WorkerRow) -> str:
    return "" if line.samples_per_s is None else f"{line.samples_per_s:,.0f}"


def _member(line: WorkerRow) -> Text:
    at_work = line.worker.at_work
    if at_work is None:
        return Text("waits", style="dim")
    run_id, index = at_work
    return Text(label(f"{'evaluation' if index is None else index} of {run_id}"))


def _epoch(progress: MemberProgress | None) -> str:
    if progress is None:
        return ""
    if progress.phase != "training":
        # The line is that of the attempt before until this one has opened its engine.
        return "preparing" if progress.phase == "waiting" else progress.phase
    return f"{progress.epochs_done + progress.epoch_share:.1f}/{progress.epochs}"
