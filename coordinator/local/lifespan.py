"""The embedded default: a broker and workers on this machine for as long as one command runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deepchord.coordinator.local.embedded_broker import server_binary
from deepchord.coordinator.local.interrupts import terminations_as_interrupts
from deepchord.coordinator.local.leftovers import remove_dead_sessions
from deepchord.coordinator.local.session import LocalSession
from deepchord.coordinator.local.session_folder import SessionFolder, sessions_lock
from deepchord.shared.errors import BrokerError, InterruptedRunError, RunCancelledError
from deepchord.shared.process import command_for
from deepchord.shared.settings import Settings

__all__ = ["WORKER_COMMAND", "LocalSession", "local_session"]

#: How a worker is started; options follow. Not `celery -A deepchord.worker.app`, which looks for modules in the current
#: folder first.
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
    """Run a broker and workers on this machine for the length of a block; whatever ends it, nothing is left running.

    What a coordinator that was killed has left is stopped first. Within the block SIGTERM, a hangup
    and SIGQUIT raise KeyboardInterrupt, as Ctrl-C does. The logs are kept if the block ends with an error.

    Args:
        settings: Where the session is kept (`state`) and what its workers are told.
        workers: How many workers; none: as many as the settings say, else one.
        devices: What the workers train on, in turn; none: all on what the settings say.
        run_id: The run that it is for, so that who watches that finds it.
        worker_command: What starts a worker, up to its options.
        grace_s: How long workers, then the broker, may take to end before they are killed.

    Raises:
        BrokerError: The state folder cannot be used, or the embedded broker does not start here.
        WorkersStoppedError: A worker cannot be started.
    """
    server = server_binary()
    with terminations_as_interrupts():
        folder = _open_folder(settings)
        count = workers or settings.workers or 1
        session = LocalSession(folder, server, settings, count, devices, worker_command, grace_s, run_id)
        went_wrong = True
        try:
            session.start()
            yield session
            went_wrong = False
        except (KeyboardInterrupt, SystemExit, InterruptedRunError, RunCancelledError):
            went_wrong = False
            raise
        finally:
            session.stop(keep_logs=went_wrong)


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
