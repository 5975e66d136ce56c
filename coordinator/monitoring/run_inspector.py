"""Looks at many runs again and again, each for its own sake: how far it is, and why it stands still."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from deepchord.coordinator.monitoring.run_view import RunView, RunWatcher
from deepchord.coordinator.monitoring.stall_diagnosis import missing_workers
from deepchord.shared.broker import ProgressBoard, WorkerRegistry, connect_lazily
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import create_app, served_queues
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: Workers answer within a second; they are asked once for all runs.
_ASK_EVERY_S = 30.0


class RunInspector:
    """Looks at runs on one broker."""

    def __init__(self, settings: Settings, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Connect to the broker when the first run is looked at.

        Args:
            settings: With a broker.
            store: Shared storage.
            clock: Returns seconds.
        """
        self._store = store
        self._clock = clock
        self._app = create_app(settings)
        client = connect_lazily(settings)
        self._board, self._registry = ProgressBoard(client), WorkerRegistry(client)
        self._watchers: dict[str, RunWatcher] = {}
        self._before: dict[str, RunView] = {}
        self._served: Mapping[str, frozenset[str]] = {}
        self._asked_at: float | None = None

    def look(self, run: RunSpec) -> RunView:
        """Return a run as it is now, with the reason if no worker works on it.

        Raises:
            StorageError: Storage does not answer.
            BrokerError: The broker refuses this user.
        """
        watcher = self._watchers.get(run.run_id)
        if watcher is None or watcher.run != run:
            watcher = self._watchers[run.run_id] = RunWatcher(self._store, run, self._board)
        view = watcher.look()
        if view.has_ended or not view.live:
            return view
        stall = missing_workers(self._ask, self._registry, view, self._before.get(run.run_id))
        self._before[run.run_id] = view
        return view if stall is None else replace(view, stall_reason=stall.reason, stall_kind=stall.kind)

    def forget(self, run_id: str) -> None:
        """Forget what is known of a run."""
        self._watchers.pop(run_id, None)
        self._before.pop(run_id, None)

    def _ask(self) -> Mapping[str, frozenset[str]]:
        now = self._clock()
        if self._asked_at is None or now - self._asked_at >= _ASK_EVERY_S:
            self._served, self._asked_at = served_queues(self._app), now
        return self._served
