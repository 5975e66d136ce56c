"""The fleet as Prometheus sees it: gauges that are read from broker and storage whenever somebody asks."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import get_args

import redis
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from deepchord.coordinator.monitoring.run_view import RunView, RunWatcher
from deepchord.coordinator.monitoring.worker_list import WorkerRow, list_workers
from deepchord.coordinator.reconciliation import ActiveRuns
from deepchord.shared.broker import KEY_PREFIX, connect_lazily
from deepchord.shared.errors import DeepchordError, InputError, MessageDecodeError, RunNotFoundError
from deepchord.shared.messages import Requirement
from deepchord.shared.queue import queue_of
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

#: A scrape waits for another one so long.
_WAIT_S = 5.0
_MEMBER = ("run", "member")
_WORKER = ("worker", "host", "engine", "device")


@contextmanager
def serving_metrics(settings: Settings, address: str, port: int) -> Iterator[str]:
    """Answer scrapes for the length of a block; yield the address to ask.

    Args:
        settings: Where broker and storage are.
        address: Where to listen.
        port: 0 takes a free one.

    Raises:
        InputError: The port is taken, or the address is none of this machine's.
    """
    registry = CollectorRegistry()
    # Whoever scrapes waits ten seconds, and asks again soon.
    registry.register(MetricsCollector(connect_lazily(settings), RunStore.open(settings, retrying=False)))
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise InputError(
            f"Metrics cannot be served on {address}, port {port} ({error.strerror}): give another one with --port."
        ) from error
    try:
        yield f"http://{address}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class MetricsCollector(Collector):
    """Reads everything anew for each scrape; a broker or storage that does not answer shows as `deepchord_up` 0."""

    def __init__(self, client: redis.Redis, store: RunStore) -> None:
        self._client = client
        self._store = store
        #: Of runs that have not ended: what is immutable of them is read once.
        self._watchers: dict[str, RunWatcher] = {}
        self._active_runs = ActiveRuns(store)
        #: Runs of which it was told what is wrong with them.
        self._told: set[str] = set()
        #: Scrapes come in threads of their own.
        self._lock = Lock()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all gauges."""
        up = GaugeMetricFamily("deepchord_up", "Whether broker and storage answered.")
        families = self._families()
        up.add_metric((), 0 if families is None else 1)
        yield up
        yield from families or ()

    def _families(self) -> list[GaugeMetricFamily] | None:
        """Return what broker and storage tell; None if one of them does not answer, or not yet to another scrape."""
        if not self._lock.acquire(timeout=_WAIT_S):
            return None
        try:
            runs = self._active_runs.ids()
            lines = list_workers(self._client, self._store)
            return [*_of_workers(lines), *_of_members(lines), *self._of_queues(), self._of_runs(runs, lines)]
        except (redis.RedisError, DeepchordError):
            return None
        finally:
            self._lock.release()

    def _of_queues(self) -> Iterator[GaugeMetricFamily]:
        waiting = GaugeMetricFamily("deepchord_queue_messages", "Messages that wait in a queue.", labels=("queue",))
        for requirement in (None, *get_args(Requirement)):
            queue = queue_of(requirement)
            waiting.add_metric((queue,), self._client.llen(KEY_PREFIX + queue))
        yield waiting
        taken = GaugeMetricFamily("deepchord_queue_taken", "Messages that workers have taken and not done with.")
        taken.add_metric((), self._client.hlen(f"{KEY_PREFIX}unacked"))
        yield taken

    def _of_runs(self, runs: list[str], lines: list[WorkerRow]) -> GaugeMetricFamily:
        members = GaugeMetricFamily(
            "deepchord_members", "Members of runs that have not ended, by state.", labels=("run", "state")
        )
        at_work = [line.worker.at_work for line in lines if line.worker.at_work is not None]
        for run_id in runs:
            view = self._look(run_id)
            if view is None:
                continue
            running = sum(run == run_id and index is not None for run, index in at_work)
            ended = len(view.records)
            for state, count in {
                "trained": view.trained,
                "failed": ended - view.trained,
                "running": running,
                "waiting": max(0, view.run.members - ended - running),
            }.items():
                members.add_metric((run_id, state), count)
        return members

    def _look(self, run_id: str) -> RunView | None:
        try:
            run = self._store.run(run_id)
            if self._store.evaluation(run).has_ended():
                self._active_runs.mark_ended(run_id)
                self._watchers.pop(run_id, None)
                return None
            watcher = self._watchers.get(run_id)
            if watcher is None or watcher.run != run:  # new, or extended
                watcher = self._watchers[run_id] = RunWatcher(self._store, run)
            view = watcher.look()
        except (MessageDecodeError, RunNotFoundError) as error:
            if run_id not in self._told:
                self._told.add(run_id)
                logger.warning("Run %s is left out: %s", run_id, error, extra={"run_id": run_id})
            return None
        return None if view.has_ended else view


def _of_workers(lines: list[WorkerRow]) -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("deepchord_worker_up", "A connected worker.", labels=_WORKER)
    seen = GaugeMetricFamily("deepchord_worker_seen_seconds", "Since its last sign of life.", labels=_WORKER)
    speed = GaugeMetricFamily(
        "deepchord_worker_samples_per_second", "Training images per second in its last epoch.", labels=_WORKER
    )
    for line in lines:
        note = line.worker.note
        labels = (note.name, note.host, note.engine, note.device or "")
        up.add_metric(labels, 1)
        seen.add_metric(labels, line.worker.seen_s_ago)
        if line.samples_per_s is not None:
            speed.add_metric(labels, line.samples_per_s)
    yield from (up, seen, speed)


def _of_members(lines: list[WorkerRow]) -> Iterator[GaugeMetricFamily]:
    epoch = GaugeMetricFamily("deepchord_member_epoch", "Epochs done, with the share of this one.", labels=_MEMBER)
    attempt = GaugeMetricFamily("deepchord_member_attempt", "The attempt under way.", labels=_MEMBER)
    lease = GaugeMetricFamily(
        "deepchord_lease_remaining_seconds", "After so long without renewal another worker may go on.", labels=_MEMBER
    )
    for line in lines:
        if line.worker.at_work is None:
            continue
        run_id, index = line.worker.at_work
        labels = (run_id, "evaluation" if index is None else str(index))
        lease.add_metric(labels, line.worker.lease_s)
        if line.progress is not None:
            epoch.add_metric(labels, line.progress.epochs_done + line.progress.epoch_share)
            attempt.add_metric(labels, line.progress.attempt)
    yield from (epoch, attempt, lease)
