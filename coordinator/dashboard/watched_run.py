"""A run that somebody looks at: read again and again, and told in parts of which only changed ones are sent."""

from dataclasses import replace

import redis

from deepchord.coordinator.dashboard.attempts import AttemptReader
from deepchord.coordinator.dashboard.details import curves, head, member_rows, plan
from deepchord.coordinator.dashboard.encoding import encode
from deepchord.coordinator.monitoring import RunView, RunWatcher, new_watcher, unreachable_broker, with_awaited
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import EpochMetrics, RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore


class WatchedRun:
    """Reads one run for all who look at it."""

    def __init__(self, settings: Settings, store: RunStore, run_id: str) -> None:
        self._settings = settings
        self._store = store
        self._run_id = run_id
        self._watcher: RunWatcher | None = None
        self._client: redis.Redis | None = None
        self._attempts = AttemptReader(store=store, run_id=run_id)
        #: The epochs that members under way reported while somebody looked, by member and epoch.
        self._seen: dict[int, dict[int, EpochMetrics]] = {}
        self._has_ended = False

    def look(self, client: redis.Redis | None, *, is_news: bool) -> dict[str, bytes] | None:
        """Return all parts of the run as it is now, as JSON by name; None: nothing can have changed.

        Args:
            client: The broker that the run is on; None if none is known.
            is_news: Whether the list of runs tells something else of it than at the last look.
        """
        if self._has_ended and not is_news:
            return None
        try:
            view = self._view(client)
            attempts = self._attempts.look(view.records)
        except DeepchordError as error:
            return {"run": encode({"run_id": self._run_id, "state": "unreadable", "trouble": str(error)})}
        self._has_ended = view.has_ended
        self._collect_epochs(view)
        stall = None if view.has_ended else unreachable_broker(self._settings, self._store, view.run)
        return {
            "run": encode(head(view, stall)),
            "plan": encode(plan(view.run)),
            "members": encode(member_rows(view)),
            "curves": encode(curves(view, self._seen)),
            "attempts": encode(attempts),
        }

    def _view(self, client: redis.Redis | None) -> RunView:
        run = self._store.run(self._run_id)
        if self._watcher is None or self._watcher.run != run or client is not self._client:
            self._watcher, self._client = self._new_watcher(run, client), client
        view = with_awaited(self._watcher.look())
        return replace(view, progress={} if view.has_ended else view.progress)

    def _new_watcher(self, run: RunSpec, client: redis.Redis | None) -> RunWatcher:
        if self._store.evaluation(run).has_ended():
            # No progress, and no ensemble so far: the test labels need not be loaded.
            return RunWatcher(self._store, run)
        return new_watcher(self._store, run, client, self._settings.cache)

    def _collect_epochs(self, view: RunView) -> None:
        for index, line in view.progress.items():
            if line.last is not None and line.epochs_done > 0:
                self._seen.setdefault(index, {})[line.epochs_done] = line.last
