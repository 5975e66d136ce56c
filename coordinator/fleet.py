"""The workers of all hosts, and what each is at."""

from dataclasses import dataclass
from typing import Any

import redis
from rich.table import Table
from rich.text import Text

from shared.errors import DeepchordError
from shared.messages import MemberProgress
from shared.progress_board import ProgressBoard
from shared.storage import RunStore
from shared.validation import PROTOCOL
from shared.version import version
from shared.worker_board import WorkerBoard, WorkerLine


@dataclass(frozen=True, kw_only=True)
class FleetLine:
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


def fleet(client: redis.Redis, store: RunStore) -> list[FleetLine]:
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
            lines.append(FleetLine(worker=worker, progress=None, samples_per_s=None))
            continue
        if run_id not in progress:
            progress[run_id], images[run_id] = board.read(run_id), _training_images(store, run_id)
        found, size = progress[run_id].get(index), images[run_id]
        speed = None if found is None or found.last is None or size is None else size / max(found.last.duration_s, 1e-9)
        lines.append(FleetLine(worker=worker, progress=found, samples_per_s=speed))
    return lines


def fleet_table(lines: list[FleetLine]) -> Table:
    """Return the workers as a table for a terminal."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("worker", "device", "deepchord", "member", "epoch"):
        table.add_column(name)
    for name in ("samples/s", "seen"):
        table.add_column(name, justify="right")
    for line in lines:
        note = line.worker.note
        fits = Text(note.version) if line.fits else Text(f"{note.version}, does not fit {version()}", style="red")
        table.add_row(
            Text(note.name),
            Text(note.engine if note.device is None else f"{note.engine} {note.device}"),
            fits,
            _member(line),
            _epoch(line.progress),
            "" if line.samples_per_s is None else f"{line.samples_per_s:,.0f}",
            f"{line.worker.seen_s_ago:.0f} s ago",
        )
    return table


def _training_images(store: RunStore, run_id: str) -> float | None:
    try:
        run = store.run(run_id)
    except DeepchordError:  # the speed is left out; what is wrong with storage, others say
        return None
    return run.dataset.train_size * (1 - run.recipe.validation_fraction)


def _member(line: FleetLine) -> Text:
    at_work = line.worker.at_work
    if at_work is None:
        return Text("waits", style="dim")
    run_id, index = at_work
    # What it is comes first: a narrow terminal cuts the run's id.
    return Text(f"{'evaluation' if index is None else index} of {run_id}", overflow="ellipsis", no_wrap=True)


def _epoch(progress: MemberProgress | None) -> str:
    if progress is None:
        return ""
    if progress.phase != "training":
        # The line is that of the attempt before until this one has opened its engine.
        return "preparing" if progress.phase == "waiting" else progress.phase
    return f"{progress.epochs_done + progress.epoch_share:.1f}/{progress.epochs}"
