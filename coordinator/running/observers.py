"""Those who are told of a run while somebody looks after it: people, by notices, and trackers of experiments."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deepchord.coordinator.monitoring import RunInspector, RunView
from deepchord.coordinator.notification import Notifier
from deepchord.shared.errors import BrokerError, DeepchordError, RunFailedError, StorageError, WorkersStoppedError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

if TYPE_CHECKING:
    from deepchord.coordinator.tracking import Recorder

logger = logging.getLogger(__name__)

#: Runs that ended longer ago are left alone by who looks after all runs of a storage.
_MAX_AGE = timedelta(days=1)
_ENDS = (RunFailedError, WorkersStoppedError, StorageError, BrokerError)


class Observers:
    """All observers of the settings; without any it does nothing. What goes wrong with them is no error of a run."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        """Open the observers; see `Notifier` and `Recorder` for errors."""
        self.notifier = Notifier(settings, store) if settings.notify else None
        self.recorder = _open_recorder(settings, store) if settings.track else None
        #: The last view of each run.
        self._last: dict[str, RunView] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return self.notifier is not None or self.recorder is not None

    def follow(self, views: Iterable[RunView]) -> Iterator[RunView]:
        """Yield views of a run, each after it was seen; an error that ends them is told, too."""
        view: RunView | None = None
        try:
            for view in views:
                self.see(view)
                yield view
        except _ENDS as error:
            if view is not None and self.notifier is not None:
                self.notifier.see_trouble(view, error)
            raise

    def see(self, view: RunView) -> None:
        """Show a view of a run to all observers."""
        if self.notifier is not None:
            self.notifier.see(view)
        if self.recorder is not None:
            self.recorder.see(view)
            self._last[view.run.run_id] = view

    def see_at_once(self, view: RunView) -> None:
        """Show a view to all observers; the report of a run that has ended is recorded now, not at the end."""
        if self.notifier is not None:
            self.notifier.see(view)
        if self.recorder is not None and view.has_ended:
            self.recorder.see_end(view)
        elif self.recorder is not None:
            self.recorder.see(view)

    def close(self) -> None:
        """Let the observers finish, for a limited time."""
        if self.recorder is not None:
            for view in self._last.values():
                if view.has_ended:
                    self.recorder.see_end(view)
        if self.notifier is not None:
            self.notifier.close()
        if self.recorder is not None:
            self.recorder.close()


def _open_recorder(settings: Settings, store: RunStore) -> "Recorder":
    from deepchord.coordinator.tracking import Recorder  # it draws: only who records imports matplotlib

    return Recorder(settings, store)


@contextmanager
def observing(settings: Settings, store: RunStore) -> Iterator[Observers]:
    """Open the observers for the length of a block, and let them finish after it.

    Raises:
        InputError: The address of an observer is not valid.
    """
    observers = Observers(settings, store)
    try:
        yield observers
    finally:
        observers.close()


def showing_reconciled_runs(
    settings: Settings, store: RunStore, observers: Observers
) -> Callable[[RunSpec, str | None], None]:
    """Return what shows runs that are reconciled to observers; see `reconcile_all`.

    A run that ended more than a day ago is not shown: who sets an address is not told the whole history.
    """
    if not observers:
        return lambda _, __: None
    inspector = RunInspector(settings, store)
    old: set[tuple[str, int]] = set()

    def show(run: RunSpec, obstacle: str | None) -> None:
        key = (run.run_id, run.extension)
        try:
            if key in old:
                return
            if _ended_long_ago(store, run):
                old.add(key)
                inspector.forget(run.run_id)
                return
            view = inspector.look(run)
        except DeepchordError as error:
            logger.info("Run %s could not be looked at: %s", run.run_id, error, extra={"run_id": run.run_id})
            return
        observers.see_at_once(view)
        if obstacle is not None and observers.notifier is not None:
            observers.notifier.see_trouble(view, obstacle)

    return show


def _ended_long_ago(store: RunStore, run: RunSpec) -> bool:
    stored = store.evaluation(run)
    evaluation = stored.result()
    failure = None if evaluation is not None else stored.failure()
    at = evaluation.evaluated_at if evaluation is not None else failure.failed_at if failure is not None else None
    return at is not None and datetime.now(UTC) - at > _MAX_AGE
