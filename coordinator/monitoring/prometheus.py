"""Serves gauges of runs, members and workers for Prometheus; each scrape reads them from broker and storage."""

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
from deepchord.shared.queue import queue_for
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

#: How long a scrape waits for another one to end.
_MAX_WAIT_S = 5.0
_MEMBER = ("run", "member")
_WORKER = ("worker", "host", "engine", "device")


@contextmanager
def serving_metrics(settings: Settings, address: str, port: int) -> Iterator[str]:
    """Answer scrapes for the length of a block; yield the address to scrape.

    Args:
        settings: Where broker and storage are.
        address: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        InputError: The port is taken, or the address is none of this machine's.
    """
    registry = CollectorRegistry()
    # Prometheus waits ten seconds and asks again soon, so that storage is not retried here.
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
    """Reads all gauges for each scrape; `deepchord_up` is 0 if broker or storage does not answer."""

    def __init__(self, client: redis.Redis, store: RunStore) -> None:
        self._client = client
        self._store = store
        #: Of active runs; a watcher reads what never changes only once.
        self._watchers: dict[str, RunWatcher] = {}
        self._active_runs = ActiveRuns(store)
        #: Runs whose trouble was logged.
        self._logged: set[str] = set()
        #: Each scrape has a thread of its own.
        self._lock = Lock()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all gauges."""
        up = GaugeMetricFamily("deepchord_up", "Whether broker and storage answered.")
        families = self._families()
        up.add_metric((), 0 if families is None else 1)
        yield up
        yield from families or ()

    def _families(self) -> list[GaugeMetricFamily] | None:
        """Return the gauges; None if broker or storage does not answer, or another scrape waits for them."""
        if not self._lock.acquire(timeout=_MAX_WAIT_S):
            return None
        try:
            runs = self._active_runs.ids()
            rows = list_workers(self._client, self._store)
            return [*_of_workers(rows), *_of_members(rows), *self._of_queues(), self._of_runs(runs, rows)]
        except (redis.RedisError, DeepchordError):
            return None
        finally:
            self._lock.release()

    def _of_queues(self) -> Iterator[GaugeMetricFamily]:
        waiting = GaugeMetricFamily("deepchord_queue_messages", "Messages that wait in a queue.", labels=("queue",))
        for requirement in (None, *get_args(Requirement)):
            queue = queue_for(requirement)
            waiting.add_metric((queue,), self._client.llen(KEY_PREFIX + queue))
        yield waiting
        taken = GaugeMetricFamily("deepchord_queue_taken", "Messages that workers have taken and not done with.")
        taken.add_metric((), self._client.hlen(f"{KEY_PREFIX}unacked"))
        yield taken

    def _of_runs(self, runs: list[str], rows: list[WorkerRow]) -> GaugeMetricFamily:
        members = GaugeMetricFamily(
            "deepchord_members", "Members of runs that have not ended, by state.", labels=("run", "state")
        )
        at_work = [row.worker.at_work for row in rows if row.worker.at_work is not None]
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
            if run_id not in self._logged:
                self._logged.add(run_id)
                logger.warning("Run %s is left out: %s", run_id, error, extra={"run_id": run_id})
            return None
        return None if view.has_ended else view


def _of_workers(rows: list[WorkerRow]) -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("deepchord_worker_up", "A connected worker.", labels=_WORKER)
    seen = GaugeMetricFamily("deepchord_worker_seen_seconds", "Since its last sign of life.", labels=_WORKER)
    speed = GaugeMetricFamily(
        "deepchord_worker_samples_per_second", "Training images per second in its last epoch.", labels=_WORKER
    )
    for row in rows:
        note = row.worker.info
        labels = (note.name, note.host, note.engine, note.device or "")
        up.add_metric(labels, 1)
        seen.add_metric(labels, row.worker.seen_s_ago)
        if row.samples_per_s is not None:
            speed.add_metric(labels, row.samples_per_s)
    yield from (up, seen, speed)


def _of_members(rows: list[WorkerRow]) -> Iterator[GaugeMetricFamily]:
    epoch = GaugeMetricFamily("deepchord_member_epoch", "Epochs done, with the share of this one.", labels=_MEMBER)
    attempt = GaugeMetricFamily("deepchord_member_attempt", "The attempt under way.", labels=_MEMBER)
    lease = GaugeMetricFamily(
        "deepchord_lease_remaining_seconds", "After so long without renewal another worker may go on.", labels=_MEMBER
    )
    for row in rows:
        if row.worker.at_work is None:
            continue
        run_id, index = row.worker.at_work
        labels = (run_id, "evaluation" if index is None else str(index))
        lease.add_metric(labels, row.worker.lease_s)
        if row.progress is not None:
            epoch.add_metric(labels, row.progress.epochs_done + row.progress.epoch_share)
            attempt.add_metric(labels, row.progress.attempt)
    yield from (epoch, attempt, lease)
