"""A broker and workers on this machine while they are in use: started, looked after, stopped."""

import atexit
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from deepchord.coordinator.local.embedded_broker import EmbeddedBroker
from deepchord.coordinator.local.interrupts import DeferredInterrupt, interrupts_deferred
from deepchord.coordinator.local.processes import ChildProcess, becomes_true
from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord
from deepchord.shared.errors import TOLD_TO_STOP, BrokerError, ExitCode, WorkersStoppedError
from deepchord.shared.host import usable_cores
from deepchord.shared.process import READABLE_OUTPUT
from deepchord.shared.queue import WORKER_OPTIONS
from deepchord.shared.settings import SESSION_VARIABLE, Settings

logger = logging.getLogger(__name__)

_OPTIONS = ("worker", *WORKER_OPTIONS, "--loglevel", "INFO")
#: What ends more often than that is not started anew …
_RESTARTS = 3
#: … unless it had run for so long before.
_LONG_S = 600.0


class LocalSession:
    """A broker and workers on this machine."""

    def __init__(
        self,
        folder: SessionFolder,
        server: Path,
        settings: Settings,
        count: int,
        devices: Sequence[str],
        command: Sequence[str],
        grace_s: float,
        run_id: str | None = None,
    ) -> None:
        self._folder = folder
        self._given = settings
        self._count = count
        self._devices = devices
        self._command = command
        self._grace_s = grace_s
        self._run_id = run_id
        self._broker = EmbeddedBroker(folder, server)
        self._workers: list[ChildProcess] = []
        self._answers = False

    @property
    def settings(self) -> Settings:
        """The settings given, with this session's broker, and the threads of one worker and of an evaluation."""
        threads = self._given.threads or max(1, usable_cores() // self._count)
        settings = self._given.model_copy(update={"broker": self._broker.url, "threads": threads})
        return settings.for_workers(self._count)

    def environment(self) -> dict[str, str]:
        """Return the environment for a process that belongs to this session; the next start finds it if need be."""
        return self._environment(self._given.device)

    def start(self) -> None:
        """Start the broker, wait until it answers, and start the workers; those may still be loading then.

        Raises:
            BrokerError: The broker does not answer.
            WorkersStoppedError: A worker cannot be started.
        """
        atexit.register(self.stop, keep_logs=True)  # should an interrupt hit between the block and `stop`
        self._broker.start(self._launch)
        self._answers = True
        for number in range(1, self._count + 1):
            worker = self._new_worker(number)
            self._workers.append(worker)
            self._launch(worker)

    def check(self) -> None:
        """Start anew whatever ended by itself; call it now and then while the session is in use.

        Raises:
            WorkersStoppedError: The broker or a worker has ended too often, or all workers were told to stop.
        """
        ended = [process for process in [self._broker.process, *self._workers] if process.has_ended()]
        for process in ended:
            process.kill()  # also what it started
            if time.monotonic() - process.started_at > _LONG_S:  # it can run: something happens to it now and then
                process.starts = 0
        stay_away = self._let_go([process for process in ended if process is not self._broker.process])
        for process in ended:
            if process in stay_away:
                continue
            self._refuse_too_many(process)
            logger.warning(
                "%s ended (%s) and is started anew.",
                process.name,
                process.exit_status,
                extra={"session": self._folder.name},
            )
            self._start_anew(process)

    def stop(self, *, keep_logs: bool) -> None:
        """Stop the workers, then the broker, whole and without fail, and remove the folder; once is enough."""
        with interrupts_deferred() as interruption:
            self._stop_all(self._workers, interruption)
            self._stop_all([self._broker.process], interruption)
            self._folder.remove()
            if not keep_logs:
                self._folder.remove_logs()
            atexit.unregister(self.stop)

    def _stop_all(self, processes: Sequence[ChildProcess], interruption: DeferredInterrupt) -> None:
        for process in processes:
            process.terminate()
        # Whoever presses Ctrl-C once more does not want to wait.
        becomes_true(lambda: interruption.arrived or all(p.has_ended() for p in processes), self._grace_s)
        for process in processes:
            process.kill()

    def _new_worker(self, number: int) -> ChildProcess:
        device = self._devices[(number - 1) % len(self._devices)] if self._devices else self._given.device
        return ChildProcess(
            f"Worker {number}",
            [*self._command, *_OPTIONS, "--hostname", f"local{number}@%h"],
            # Modules are found where deepchord is installed, not in the current folder.
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
        url = self._broker.url if self._answers else None
        self._folder.write(SessionRecord(run_id=self._run_id, broker=url, processes=tuple(running)))

    def _start_anew(self, process: ChildProcess) -> None:
        if process is not self._broker.process:
            self._launch(process)
            return
        try:
            self._broker.restart(self._launch)
        except BrokerError as error:
            raise WorkersStoppedError(str(error)) from error

    def _let_go(self, ended: Sequence[ChildProcess]) -> list[ChildProcess]:
        """Leave out, and return, workers that were told to stop that are refused, or that gave up, while others go on.

        Raises:
            WorkersStoppedError: All that were left were told to stop.
        """
        told = [worker for worker in ended if worker.exit_code in TOLD_TO_STOP]
        if told and len(told) == len(self._workers):
            raise WorkersStoppedError("The last worker on this machine was told to stop.")
        refused = [worker for worker in ended if _is_of_no_use(worker)]
        if len(told) + len(refused) == len(self._workers):  # nobody is left to train: the log of one of them says why
            refused = refused[1:]
        for worker in (*told, *refused):
            self._workers.remove(worker)
            last_line = self._broker.redacted(worker.log_tail()).splitlines()[-1]
            what = "gave up" if worker.exit_code == ExitCode.WORKERS_STOPPED else "was refused"
            why = "was told to stop" if worker in told else f"{what} ({last_line})"
            logger.warning("%s %s; the others go on.", worker.name, why, extra={"session": self._folder.name})
        return [*told, *refused]

    def _refuse_too_many(self, process: ChildProcess) -> None:
        if process.starts > _RESTARTS or _is_of_no_use(process):
            often = "" if process.starts == 1 else f"{process.starts} times, the last time "
            raise WorkersStoppedError(
                f"{process.name} on this machine ended {often}with {process.exit_status}; its log {process.log} ends:\n"
                f"{self._broker.redacted(process.log_tail())}"
            )


def _is_of_no_use(worker: ChildProcess) -> bool:
    """Return whether a worker is not worth another start: refused again and again, or itself gave up its processes."""
    if worker.exit_code == ExitCode.WORKERS_STOPPED:
        return True
    return worker.exit_code == ExitCode.BAD_INPUT and worker.starts > _RESTARTS
