"""The embedded default: a broker and workers on this machine for as long as one command runs."""

import atexit
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coordinator.embedded_broker import EmbeddedBroker, server_binary
from coordinator.interruptions import Interruption, interrupts_put_off, terminations_interrupting
from coordinator.processes import ChildProcess, becomes_true
from coordinator.session_folder import SessionFolder, SessionRecord, gate
from coordinator.sessions import SESSION_VARIABLE, clear_away_the_dead
from shared.errors import BrokerError, WorkersStoppedError
from shared.settings import Settings

logger = logging.getLogger(__name__)

#: How a worker is started; options follow. Not `celery -A worker.app`, which looks for `worker` in the current folder
#: first and would take anybody's folder of that name.
WORKER_COMMAND = (
    sys.executable,
    "-c",
    "import sys; from worker.app import app; app.worker_main(sys.argv[1:])",
)

_OPTIONS = (
    "worker",
    "--pool",
    "prefork",
    "--concurrency",
    "1",
    "--without-gossip",
    "--without-mingle",
    "--loglevel",
    "INFO",
)
_RESTARTS = 3


class LocalSession:
    """A broker and workers on this machine."""

    def __init__(
        self,
        folder: SessionFolder,
        server: Path,
        settings: Settings,
        count: int,
        command: Sequence[str],
        grace_s: float,
    ) -> None:
        self._folder = folder
        self._given = settings
        self._count = count
        self._command = command
        self._grace_s = grace_s
        self._broker = EmbeddedBroker(folder, server)
        self._workers: list[ChildProcess] = []
        self._answers = False

    @property
    def settings(self) -> Settings:
        """The settings given, with this session's broker and the threads of one worker."""
        threads = self._given.threads or max(1, _cores() // self._count)
        return self._given.model_copy(update={"broker": self._broker.url, "threads": threads})

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
            WorkersStoppedError: The broker or a worker has ended too often.
        """
        for process in [self._broker.process, *self._workers]:
            if process.has_ended():
                process.kill()  # also what it started
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
        with interrupts_put_off() as interruption:
            self._stop_all(self._workers, interruption)
            self._stop_all([self._broker.process], interruption)
            self._folder.remove()
            if not keep_logs:
                self._folder.remove_logs()
            atexit.unregister(self.stop)

    def _stop_all(self, processes: Sequence[ChildProcess], interruption: Interruption) -> None:
        for process in processes:
            process.terminate()
        # Whoever presses Ctrl-C once more does not want to wait.
        becomes_true(lambda: interruption.arrived or all(p.has_ended() for p in processes), self._grace_s)
        for process in processes:
            process.kill()

    def _new_worker(self, number: int) -> ChildProcess:
        return ChildProcess(
            f"Worker {number}",
            [*self._command, *_OPTIONS, "--hostname", f"local{number}@%h"],
            # PYTHONSAFEPATH: modules are found where deepchord is installed, not in the current folder.
            environment=self.settings.environment() | {SESSION_VARIABLE: self._folder.name, "PYTHONSAFEPATH": "1"},
            log=self._folder.logs / f"worker-{number}.log",
        )

    def _launch(self, process: ChildProcess) -> None:
        with interrupts_put_off():
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
        self._folder.write(SessionRecord(broker=url, processes=tuple(running)))

    def _start_anew(self, process: ChildProcess) -> None:
        if process is not self._broker.process:
            self._launch(process)
            return
        try:
            self._broker.restart(self._launch)
        except BrokerError as error:
            raise WorkersStoppedError(str(error)) from error

    def _refuse_too_many(self, process: ChildProcess) -> None:
        if process.starts > _RESTARTS:
            raise WorkersStoppedError(
                f"{process.name} on this machine ended {process.starts} times, the last time with "
                f"{process.exit_status}; its log {process.log} ends:\n{self._broker.redacted(process.log_tail())}"
            )


@contextmanager
def local_session(
    settings: Settings,
    workers: int | None = None,
    *,
    worker_command: Sequence[str] = WORKER_COMMAND,
    grace_s: float = 5.0,
) -> Iterator[LocalSession]:
    """Run a broker and workers on this machine for the length of a block; whatever ends it, nothing is left running.

    What a coordinator that was killed has left is stopped first. Within the block SIGTERM and a hangup raise
    KeyboardInterrupt, as Ctrl-C does. The logs are kept if the block ends with an error.

    Args:
        settings: Where the session is kept (`state`) and what its workers are told.
        workers: How many workers; none: as many as the settings say.
        worker_command: What starts a worker, up to its options.
        grace_s: How long workers, then the broker, may take to end before they are killed.

    Raises:
        BrokerError: The state folder cannot be used, or the embedded broker does not start here.
        WorkersStoppedError: A worker cannot be started.
    """
    server = server_binary()
    with terminations_interrupting():
        folder = _open_folder(settings)
        session = LocalSession(folder, server, settings, workers or settings.workers, worker_command, grace_s)
        went_wrong = True
        try:
            session.start()
            yield session
            went_wrong = False
        except (KeyboardInterrupt, SystemExit):
            went_wrong = False
            raise
        finally:
            session.stop(keep_logs=went_wrong)


def _open_folder(settings: Settings) -> SessionFolder:
    try:
        with gate(settings):
            clear_away_the_dead(settings)
            return SessionFolder.create(settings)
    except OSError as error:
        raise BrokerError(
            f"The embedded broker cannot keep its files in {settings.state}: {error.strerror or error}. "
            "Set DEEPCHORD_STATE to a folder on this machine's own disk."
        ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
