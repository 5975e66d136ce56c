"""What a viewer may do: cancel, resume, extend a run, drain a worker; with the command line's functions."""

from collections.abc import Callable

from deepchord.coordinator.local import session_of
from deepchord.coordinator.runs import (
    cancel_run,
    check_broker,
    check_unfinished,
    drain,
    extend_run,
    next_extension,
    plan_extension,
    resume_run,
    submit_remaining,
)
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore


class Actions:
    """Changes runs and workers, and says in a sentence what it did; refuses with the errors of the command line."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        """Take where runs and workers are.

        Args:
            settings: Without a broker nothing can be sent to workers.
            store: Shared storage.
        """
        self._settings = settings
        self._store = store

    def cancel(self, run_id: str) -> str:
        """Cancel a run; see `cancel_run`."""
        cancel_run(self._store, self._store.run(run_id), self._settings.host)
        return f"Run {run_id} is cancelled; its members stop at the next batch."

    def resume(self, run_id: str) -> str:
        """Let a run go on, with the members that it asks for itself if it does; see `resume_run`."""
        run = self._sendable(run_id)
        more = next_extension(self._store, run)
        if more is None:
            check_unfinished(self._store, run)
        self._send(run, lambda: extend_run(self._store, more) if more else resume_run(self._store, run))
        return f"Run {run_id} goes on."

    def extend(self, run_id: str, members: int) -> str:
        """Add members to a run; see `plan_extension`."""
        run = self._sendable(run_id)
        extended = plan_extension(run, members, None)
        self._send(run, lambda: extend_run(self._store, extended))
        return f"Run {run_id} gets {members - run.members} more, {members} members in all."

    def drain(self, worker: str) -> str:
        """Ask a worker to hand its member over and stop; see `drain`."""
        self._check_broker()
        names = drain(create_app(self._settings), worker)
        return f"{', '.join(names)} hands its member over and stops."

    def _sendable(self, run_id: str) -> RunSpec:
        self._check_broker()
        run = self._store.run(run_id)
        if session_of(self._settings, run_id) is not None:
            raise InputError(f"Run {run_id} is being trained by a command on this machine: end that one first.")
        return run

    def _check_broker(self) -> None:
        if self._settings.broker is None:
            raise InputError(
                "This dashboard has no broker to send members to: start it with --broker, or type `deepchord resume`."
            )

    def _send(self, run: RunSpec, publish: Callable[[], RunSpec]) -> None:
        check_broker(self._settings, run.require)
        submit_remaining(create_app(self._settings), self._store, publish(), local=False)
