"""The embedded broker and the workers of one command: started, restarted when they die, stopped."""

import atexit
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepchord.coordinator.local.embedded_broker import EmbeddedBroker
from deepchord.coordinator.local.processes import ChildProcess, becomes_true
from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord
from deepchord.shared.errors import STOPPED_EXIT_CODES, BrokerError, ExitCode, WorkersStoppedError
from deepchord.shared.host import usable_cores
from deepchord.shared.process import READABLE_OUTPUT, DeferredInterrupt, interrupts_deferred
from deepchord.shared.queue import WORKER_OPTIONS
from deepchord.shared.settings import SESSION_VARIABLE, Settings

logger = logging.getLogger(__name__)

_OPTIONS = ("worker", *WORKER_OPTIONS, "--loglevel", "INFO")
#: A process is restarted at most this many times in a row.
_MAX_RESTARTS = 3
#: If a process has run for longer than this, its earlier restarts do not count any more.
_STABLE_AFTER_S = 600.0


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """How many workers a session has, and how they are started and stopped."""

    workers: int
    #: The devices of the workers, in turn; empty: the device of the settings for all.
    devices: Sequence[str]
    #: The command that starts a worker, without its options.
    command: Sequence[str]
    #: Seconds in which the workers, then the broker, may end by themselves before they are killed.
    grace_s: float
    #: The run that the session is for at first.
    run_id: str | None


class LocalSession:
    """A broker and workers on this machine."""

    def __init__(self, folder: SessionFolder, server: Path, settings: Settings, plan: SessionPlan) -> None:
        """Create a session; nothing is started yet.

        Args:
            folder: A new folder, whose lock is held.
            server: The broker's program.
            settings: Of the workers.
            plan: How many workers, and how they are started and stopped.
        """
        self._folder = folder
        self._given = settings
        self._plan = plan
        self._run_id = plan.run_id
        self._broker = EmbeddedBroker(folder, server)
        self._workers: list[ChildProcess] = []
        self._broker_answers = False

    @property
    def settings(self) -> Settings:
        """The given settings, with this session's broker, and the threads of a worker and of an evaluation."""
        threads = self._given.threads or max(1, usable_cores() // self._plan.workers)
        settings = self._given.model_copy(update={"broker": self._broker.url, "threads": threads})
        return settings.for_workers(self._plan.workers)

    def environment(self) -> dict[str, str]:
        """Return the environment for a process of this session; the next session finds leftover processes by it."""
        return self._environment(self._given.device)

    def start(self) -> None:
        """Start the broker, wait until it answers, and start the workers; they are not waited for.

        Raises:
            BrokerError: The broker does not answer.
            WorkersStoppedError: A worker cannot be started.
        """
        atexit.register(self.stop, keep_logs=True)  # an interrupt may come between the block and `stop`
        self._broker.start(self._launch)
        self._broker_answers = True
        for number in range(1, self._plan.workers + 1):
            worker = self._new_worker(number)
            self._workers.append(worker)
            self._launch(worker)

    def serve(self, run_id: str) -> None:
        """Record that the session is for another run now; other commands find its broker by it."""
        self._run_id = run_id
        self._record()

    def check(self) -> None:
        """Restart the processes that ended by themselves; call it now and then while the session is in use.

        Raises:
            WorkersStoppedError: The broker or a worker has ended too often, or all workers were told to stop.
        """
        ended = [process for process in [self._broker.process, *self._workers] if process.has_ended()]
        for process in ended:
            process.kill()  # also its children
            if time.monotonic() - process.started_at > _STABLE_AFTER_S:  # it works, and may be restarted again
                process.starts = 0
        removed = self._remove_stopped([process for process in ended if process is not self._broker.process])
        for process in ended:
            if process in removed:
                continue
            self._check_restarts(process)
            logger.warning(
                "%s ended (%s) and is started anew.",
                process.name,
                process.exit_status,
                extra={"session": self._folder.name},
            )
            self._restart(process)

    def stop(self, *, keep_logs: bool) -> None:
        """Stop the workers, then the broker, and remove the folder; a second call does nothing."""
        with interrupts_deferred() as interrupt:
            self._stop_all(self._workers, interrupt)
            self._stop_all([self._broker.process], interrupt)
            self._folder.remove()
            if not keep_logs:
                self._folder.remove_logs()
            atexit.unregister(self.stop)

    def _stop_all(self, processes: Sequence[ChildProcess], interrupt: DeferredInterrupt) -> None:
        for process in processes:
            process.terminate()
        # A second Ctrl-C ends the waiting.
        becomes_true(lambda: interrupt.arrived or all(p.has_ended() for p in processes), self._plan.grace_s)
        for process in processes:
            process.kill()

    def _new_worker(self, number: int) -> ChildProcess:
        device = (
            self._plan.devices[(number - 1) % len(self._plan.devices)] if self._plan.devices else self._given.device
        )
        return ChildProcess(
            f"Worker {number}",
            [*self._plan.command, *_OPTIONS, "--hostname", f"local{number}@%h"],
            # Python must not look for modules in the current folder.
            environment=self._environment(device) | {"PYTHONSAFEPATH": "1"},
            log=self._folder.logs / f"worker-{number}.log",
        )

    def _environment(self, device: str | None) -> dict[str, str]:
        settings = self.settings.model_copy(update={"device": device})
        return {**settings.environment(), **READABLE_OUTPUT, SESSION_VARIABLE: self._folder.name}

    def _launch(self, process: ChildProcess) -> None:
        with interrupts_deferred():
            try:
                process.start()
                self._record()
            except OSError as error:
                kind = BrokerError if process is self._broker.process else WorkersStoppedError
                raise kind(f"{process.name} cannot be started on this machine: {error}.") from error
        logger.info("%s was started.", process.name, extra={"session": self._folder.name})

    def _record(self) -> None:
        running = [p.identity for p in [self._broker.process, *self._workers] if p.identity is not None]
        url = self._broker.url if self._broker_answers else None
        self._folder.write(SessionRecord(run_id=self._run_id, broker=url, processes=tuple(running)))

    def _restart(self, process: ChildProcess) -> None:
        if process is not self._broker.process:
            self._launch(process)
            return
        try:
            self._broker.restart(self._launch)
        except BrokerError as error:
            raise WorkersStoppedError(str(error)) from error

    def _remove_stopped(self, ended: Sequence[ChildProcess]) -> list[ChildProcess]:
        """Remove the workers that are not to be restarted, and return them.

        These workers were told to stop, are refused by the broker, or gave up. If no worker at all would be left, one
        of them is kept, so that its log is shown.

        Raises:
            WorkersStoppedError: All remaining workers were told to stop.
        """
        told_to_stop = [worker for worker in ended if worker.exit_code in STOPPED_EXIT_CODES]
        if told_to_stop and len(told_to_stop) == len(self._workers):
            raise WorkersStoppedError("The last worker on this machine was told to stop.")
        refused = [worker for worker in ended if _has_given_up(worker)]
        if len(told_to_stop) + len(refused) == len(self._workers):
            refused = refused[1:]
        for worker in (*told_to_stop, *refused):
            self._workers.remove(worker)
            last_line = self._broker.redacted(worker.log_tail()).splitlines()[-1]
            what = "gave up" if worker.exit_code == ExitCode.WORKERS_STOPPED else "was refused"
            why = "was told to stop" if worker in told_to_stop else f"{what} ({last_line})"
            logger.warning("%s %s; the others go on.", worker.name, why, extra={"session": self._folder.name})
        return [*told_to_stop, *refused]

    def _check_restarts(self, process: ChildProcess) -> None:
        if process.starts > _MAX_RESTARTS or _has_given_up(process):
            often = "" if process.starts == 1 else f"{process.starts} times, the last time "
            raise WorkersStoppedError(
                f"{process.name} on this machine ended {often}with {process.exit_status}; its log {process.log} ends:\n"
                f"{self._broker.redacted(process.log_tail())}"
            )


def _has_given_up(worker: ChildProcess) -> bool:
    """Return whether a restart is useless: the worker was refused several times, or gave up its own processes."""
    if worker.exit_code == ExitCode.WORKERS_STOPPED:
        return True
    return worker.exit_code == ExitCode.BAD_INPUT and worker.starts > _MAX_RESTARTS
