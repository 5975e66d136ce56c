"""The runs that share the fleet now: what waits, what is trained, and when the rest will probably be."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import redis
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.monitoring.phrases import clock
from deepchord.shared.broker import ProgressBoard, WorkerRegistry, WorkerStatus
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import Requirement
from deepchord.shared.queue import QUEUE, Look, ShareBoard, look, queue_for
from deepchord.shared.shares import Arrival, Place, play
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL

logger = logging.getLogger(__name__)

_QUEUES = (QUEUE, *(queue_for(requirement) for requirement in get_args(Requirement)))


@dataclass(frozen=True, kw_only=True)
class QueuedRun:
    """A run with members in a queue or in training."""

    run_id: str
    priority: str
    #: At most so many members are trained at once; None: any number.
    most_workers: int | None
    #: Members in the queue, in training, with a record, and in all.
    waiting: int
    training: int
    done: int
    members: int
    #: When its next member begins, and when its last one is done, in seconds from now; None: nobody knows yet.
    begins_in_s: float | None = None
    done_in_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row for scripts."""
        return asdict(self)


def list_queue(client: redis.Redis, store: RunStore) -> list[QueuedRun]:
    """Return the runs that wait or are trained, in the order in which their next members will probably begin.

    Raises:
        redis.RedisError: The broker does not answer.
        StorageError: Storage does not answer.
    """
    seen = look(client, _QUEUES)
    workers = [worker for worker in WorkerRegistry(client).statuses() if worker.info.protocol == PROTOCOL]
    at_work = [worker.at_work[0] for worker in workers if worker.at_work and worker.at_work[1] is not None]
    waiting = {task.run.run_id: task.run for task in seen.tasks}
    expected = _expected(client, seen, workers)
    rows = []
    for run_id in dict.fromkeys([*waiting, *at_work]):
        try:
            run = store.run(run_id)
        except DeepchordError as error:  # of another storage, or another version
            logger.warning("Run %s was left out: %s", run_id, error)
            continue
        share = store.share(run)
        begins_in_s, done_in_s = expected.get(run_id, (None, None))
        rows.append(
            QueuedRun(
                run_id=run_id,
                priority=share.priority,
                most_workers=share.most_workers,
                waiting=waiting[run_id].waiting if run_id in waiting else 0,
                training=at_work.count(run_id),
                done=len(store.recorded_members(run_id)),
                members=run.members,
                begins_in_s=begins_in_s,
                done_in_s=done_in_s,
            )
        )
    never = float("inf")
    return sorted(rows, key=lambda row: never if row.begins_in_s is None else row.begins_in_s)


def queue_table(rows: Sequence[QueuedRun]) -> Table:
    """Return the runs as a table."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("run", "priority", "waiting", "training", "done", "next begins", "all done"):
        table.add_column(name, justify="left" if name in ("run", "priority") else "right", no_wrap=name == "run")
    for row in rows:
        training = f"{row.training}" if row.most_workers is None else f"{row.training} of {row.most_workers}"
        begins = _when(row.begins_in_s) if row.waiting else ""
        done = f"{row.done}/{row.members}"
        cells = (row.priority, str(row.waiting), training, done, begins, _when(row.done_in_s))
        table.add_row(row.run_id, *map(Text, cells))
    return table


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return "now" if seconds < 1 else f"in {clock(seconds)}"


def _expected(
    client: redis.Redis, seen: Look, workers: Sequence[WorkerStatus]
) -> dict[str, tuple[float | None, float | None]]:
    """Return when the next member of each run begins and when its last one is done; empty if no duration is known."""
    at_work = [worker.at_work[0] for worker in workers if worker.at_work]
    durations = ShareBoard(client).seconds([*(task.run.run_id for task in seen.tasks), *at_work])
    if not durations:
        return {}
    usual_s = sum(durations.values()) / len(durations)
    places = [_place(client, worker, durations, usual_s) for worker in workers]
    arrivals = [
        Arrival(at_s=0.0, run=task.run, member_s=durations.get(task.run.run_id, usual_s)) for task in seen.tasks
    ]
    expected: dict[str, tuple[float | None, float | None]] = {}
    for place in places:
        if place.run_id is not None:
            _, done_s = expected.get(place.run_id, (None, None))
            expected[place.run_id] = (None, max(done_s or 0.0, place.free_s))
    for run_id, times in play(arrivals, places, seen.ledger).items():
        _, done_s = expected.get(run_id, (None, None))
        expected[run_id] = (times.begun_s[0], max(done_s or 0.0, times.done_s))
    return expected


def _place(client: redis.Redis, worker: WorkerStatus, durations: Mapping[str, float], usual_s: float) -> Place:
    """Return when a worker will be free, and which queues it takes from."""
    served = [each for each in (worker.info.engine, worker.info.device_kind) if each is not None]
    queues = frozenset({QUEUE, *map(queue_for, served)})
    run_id, index = worker.at_work or (None, None)
    if run_id is None or index is None:
        return Place(queues=queues)
    progress = ProgressBoard(client).read(run_id).get(index)
    share_done = 0.0 if progress is None else (progress.epochs_done + progress.epoch_share) / progress.epochs
    left_s = durations.get(run_id, usual_s) * max(0.0, 1.0 - share_done)
    return Place(free_s=left_s, run_id=run_id, queues=queues)
