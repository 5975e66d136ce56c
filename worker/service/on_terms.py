"""Runs the workers of one command on its terms: while the machine is free, at certain hours, within their memory."""

import logging
import os
import platform
from collections.abc import Callable, Iterable, Sequence

import psutil
import redis
from celery.utils.nodenames import host_format

from deepchord.shared.broker import ProgressBoard, WorkerRegistry, connect_lazily
from deepchord.shared.settings import Settings
from deepchord.worker.availability import Availability, Decision, MemoryLimit, Observer, Terms, waiting_worker_id
from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.supervisor import run_each

logger = logging.getLogger(__name__)


def has_terms(settings: Settings) -> bool:
    """Return whether the workers of a command have to be started and stopped as the machine allows it."""
    named = (settings.hours, settings.end_after_s, settings.memory_limit_bytes)
    return settings.when_idle or any(each is not None for each in named)


def without_terms(settings: Settings) -> Settings:
    """Return the settings for the workers themselves, which need not look at the machine any more."""
    return settings.model_copy(
        update={"when_idle": False, "hours": None, "end_after_s": None, "memory_limit_bytes": None}
    )


def run_on_terms(
    settings: Settings, waiting: Sequence[tuple[str, str]], commands: Iterable[tuple[str, list[str]]]
) -> int:
    """Run a worker process per command while the machine may be used; return the exit code of the command.

    Args:
        settings: The terms, and the broker.
        waiting: Name and engine of the workers that are listed while none runs.
        commands: The name of each worker, and its command; they are asked for when the machine is free.
    """
    registry = WorkerRegistry(connect_lazily(settings))
    look = Availability(Terms.of(settings), Observer(when_idle=settings.when_idle).observe).look
    limit_bytes = settings.memory_limit_bytes
    if limit_bytes is not None:
        look = _within(MemoryLimit(limit_bytes, _MemoryReport(settings, registry).report), look)
    return run_each(commands, look, WaitingWorkers(registry, settings.host, waiting).say)


class WaitingWorkers:
    """Lists workers that wait for their machine, for as long as none of them runs."""

    def __init__(self, registry: WorkerRegistry, host: str, workers: Sequence[tuple[str, str]]) -> None:
        """Create the list.

        Args:
            registry: Where they are listed.
            host: This machine.
            workers: Name and engine of each; in a name `%h` stands for the host.
        """
        self._registry = registry
        self._host = host
        self._workers = workers
        self._heartbeats: list[Heartbeat] = []

    def say(self, reason: str | None) -> None:
        """List them with what they wait for; None: they are about to start, and list themselves."""
        if reason is None:
            while self._heartbeats:
                self._heartbeats.pop().stop()
            return
        is_new = not self._heartbeats
        if is_new:
            self._heartbeats = [self._heartbeat(number, *worker) for number, worker in enumerate(self._workers)]
        for heartbeat in self._heartbeats:
            heartbeat.say(reason)
            if is_new:
                heartbeat.start()

    def _heartbeat(self, number: int, name: str, engine: str) -> Heartbeat:
        return Heartbeat(
            self._registry,
            worker=waiting_worker_id(os.getpid(), number),
            name=host_format(name, host=platform.node()),
            host=self._host,
            engine=engine,
            device=None,
        )


class _MemoryReport:
    """Tells whoever watches a run why the process of its member was ended."""

    def __init__(self, settings: Settings, registry: WorkerRegistry) -> None:
        self._board = ProgressBoard(connect_lazily(settings))
        self._registry = registry

    def report(self, process_id: int, text: str) -> None:
        """Publish it at the member that the process trains; other workers get it next, if there are any."""
        try:
            parents = {parent.pid for parent in psutil.Process(process_id).parents()}
            statuses = self._registry.statuses()
        except (psutil.Error, redis.RedisError) as error:
            logger.info("Whose process it was is not known: %s.", error)
            return
        for status in statuses:
            run_id, index = status.at_work or (None, None)
            if status.info.process_id in parents and run_id is not None and index is not None:
                self._board.report_trouble(run_id, index, text, failed_on=status.info.name)


def _within(limit: MemoryLimit, look: Callable[[], Decision]) -> Callable[[], Decision]:
    def checked() -> Decision:
        limit.check()
        return look()

    return checked
