"""The workers of all hosts, and what each of them does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import redis
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.runs import shorten_names
from deepchord.shared.broker import ProgressBoard, WorkerRegistry, WorkerStatus
from deepchord.shared.command_line import label
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import MemberProgress
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version

#: The columns by importance: on a narrow terminal the last ones are left out.
_BY_IMPORTANCE = ("member", "epoch", "device", "samples/s", "seen", "deepchord")
#: A worker's name is not cut to less than this.
_MIN_NAME_WIDTH = 16
#: Blanks between two columns.
_GAP = 2


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """A worker, and the progress of its member."""

    worker: WorkerStatus
    #: None: the worker waits or evaluates, or its member has not reported yet.
    progress: MemberProgress | None
    #: Training images per second in the last epoch; the time includes its validation.
    samples_per_s: float | None

    @property
    def is_compatible(self) -> bool:
        """Whether the worker understands the messages of this version."""
        return self.worker.info.protocol == PROTOCOL

    def as_json(self) -> dict[str, Any]:
        """Return the row for scripts."""
        at_work, progress = self.worker.at_work, self.progress
        return {
            **self.worker.info.model_dump(mode="json"),
            "waits_for": self.worker.info.waits_for,
            "fits": self.is_compatible,
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
    """Return the workers with a heartbeat in the last minute, sorted by host and name.

    Raises:
        redis.RedisError: The broker does not answer.
    """
    board, rows = ProgressBoard(client), []
    progress: dict[str, dict[int, MemberProgress]] = {}
    images: dict[str, float | None] = {}
    for worker in WorkerRegistry(client).statuses():
        run_id, index = worker.at_work or (None, None)
        if run_id is None or index is None:
            rows.append(WorkerRow(worker=worker, progress=None, samples_per_s=None))
            continue
        if run_id not in progress:
            progress[run_id], images[run_id] = board.read(run_id), _training_images(store, run_id)
        member, size = progress[run_id].get(index), images[run_id]
        last = None if member is None else member.last
        speed = None if last is None or size is None else size / max(last.duration_s, 1e-9)
        rows.append(WorkerRow(worker=worker, progress=member, samples_per_s=speed))
    return rows


def worker_table(rows: list[WorkerRow], width: int | None = None) -> Table:
    """Return the workers as a table.

    Args:
        rows: The workers.
        width: Characters in a line of the terminal; unimportant columns are left out before names are cut. None: as
            many as the table needs.
    """
    columns = _columns(rows)
    names = [label(row.worker.info.name) for row in rows]
    if width is not None:
        # The version of an incompatible worker must be seen.
        importance = _BY_IMPORTANCE if all(row.is_compatible for row in rows) else ("deepchord", *_BY_IMPORTANCE)
        columns = _fitting(columns, importance, width - max(map(len, names)))
        names = shorten_names(names, max(_MIN_NAME_WIDTH, width - sum(map(_width, columns))))
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("worker", overflow="fold", min_width=min(_MIN_NAME_WIDTH, max(map(len, names))))
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


def _columns(rows: Sequence[WorkerRow]) -> list[_Column]:
    """Return all columns but the one of the names."""
    return [
        _Column(name="device", cells=[Text(_device(row)) for row in rows]),
        _Column(name="deepchord", cells=[_version(row) for row in rows]),
        _Column(name="member", cells=[_member(row) for row in rows]),
        _Column(name="epoch", cells=[Text(_epoch(row.progress)) for row in rows]),
        _Column(name="samples/s", cells=[Text(_speed(row)) for row in rows], justify="right"),
        _Column(name="seen", cells=[Text(f"{row.worker.seen_s_ago:.0f} s ago") for row in rows], justify="right"),
    ]


def _fitting(columns: Sequence[_Column], importance: Sequence[str], width: int) -> list[_Column]:
    """Return the most important columns that fit the width, in their usual order."""
    kept: list[str] = []
    for name in importance:
        candidates = [column for column in columns if column.name in (*kept, name)]
        if sum(map(_width, candidates)) <= width:
            kept.append(name)
    return [column for column in columns if column.name in kept]


def _width(column: _Column) -> int:
    return _GAP + max(len(column.name), *(cell.cell_len for cell in column.cells))


def _training_images(store: RunStore, run_id: str) -> float | None:
    try:
        run = store.run(run_id)
    except DeepchordError:  # the speed is left out; other commands report what is wrong with storage
        return None
    return run.dataset.train_size * (1 - run.recipe.calibration_fraction) * (1 - run.recipe.validation_fraction)


def _device(row: WorkerRow) -> str:
    note = row.worker.info
    return label(note.engine if note.device is None else f"{note.engine} {note.device}")


def _version(row: WorkerRow) -> Text:
    shown = label(row.worker.info.version)
    return Text(shown) if row.is_compatible else Text(f"{shown}, does not fit {version()}", style="red")


def _speed(row: WorkerRow) -> str:
    return "" if row.samples_per_s is None else f"{row.samples_per_s:,.0f}"


def _member(row: WorkerRow) -> Text:
    at_work = row.worker.at_work
    if at_work is None:
        waits_for = row.worker.info.waits_for
        return Text("waits" if waits_for is None else label(f"waits {waits_for}"), style="dim")
    run_id, index = at_work
    return Text(label(f"{'evaluation' if index is None else index} of {run_id}"))


def _epoch(progress: MemberProgress | None) -> str:
    if progress is None:
        return ""
    if progress.phase != "training":
        # Until an attempt has opened its engine, the progress is that of the attempt before.
        return "preparing" if progress.phase == "waiting" else progress.phase
    return f"{progress.epochs_done + progress.epoch_share:.1f}/{progress.epochs}"
