"""Opens and closes the session of one command: an embedded broker and workers on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deepchord.coordinator.local.embedded_broker import server_binary
from deepchord.coordinator.local.leftovers import remove_dead_sessions
from deepchord.coordinator.local.session import LocalSession, SessionPlan
from deepchord.coordinator.local.session_folder import SessionFolder, sessions_lock
from deepchord.shared.errors import BrokerError, InterruptedRunError, RunCancelledError
from deepchord.shared.process import command_for, terminations_as_interrupts
from deepchord.shared.settings import Settings

__all__ = ["WORKER_COMMAND", "LocalSession", "local_session"]

#: The command that starts a worker; options follow. `celery -A deepchord.worker.app` would look for modules in the
#: current folder first.
WORKER_COMMAND = tuple(command_for("deepchord.worker.application:run"))


@contextmanager
def local_session(
    settings: Settings,
    workers: int | None = None,
    *,
    devices: Sequence[str] = (),
    run_id: str | None = None,
    worker_command: Sequence[str] = WORKER_COMMAND,
    grace_s: float = 5.0,
) -> Iterator[LocalSession]:
    """Run a broker and workers on this machine for the length of a block, and stop them however it ends.

    Processes of coordinators that were killed are stopped first. Within the block SIGTERM, SIGHUP and SIGQUIT raise
    KeyboardInterrupt, as Ctrl-C does. The logs are kept if the block ends with an error.

    Args:
        settings: The folder of the session (`state`), and the settings of the workers.
        workers: How many workers; None: as many as the settings say, else one.
        devices: The devices of the workers, in turn; empty: the device of the settings for all.
        run_id: The run that the session is for; other commands find the broker by it.
        worker_command: The command that starts a worker, without its options.
        grace_s: Seconds in which the workers, then the broker, may end by themselves before they are killed.

    Raises:
        BrokerError: The state folder cannot be used, or the embedded broker does not start here.
        WorkersStoppedError: A worker cannot be started.
    """
    server = server_binary()
    with terminations_as_interrupts():
        folder = _open_folder(settings)
        plan = SessionPlan(
            workers=workers or settings.workers or 1,
            devices=devices,
            command=worker_command,
            grace_s=grace_s,
            run_id=run_id,
        )
        session = LocalSession(folder, server, settings, plan)
        has_failed = True
        try:
            session.start()
            yield session
            has_failed = False
        except (KeyboardInterrupt, SystemExit, InterruptedRunError, RunCancelledError):
            has_failed = False
            raise
        finally:
            session.stop(keep_logs=has_failed)


def _open_folder(settings: Settings) -> SessionFolder:
    try:
        with sessions_lock(settings):
            remove_dead_sessions(settings)
            return SessionFolder.create(settings)
    except OSError as error:
        raise BrokerError(
            f"The embedded broker cannot keep its files in {settings.state}: {error.strerror or error}. "
            "Set DEEPCHORD_STATE to a folder on this machine's own disk."
        ) from error
