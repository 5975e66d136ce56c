"""Keeps a run going while it is followed: reconciles it, finds out why it stands still, changes to its broker."""

import redis

from deepchord.coordinator.local import session_of
from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.coordinator.monitoring.stall_diagnosis import (
    STARTING,
    UNREACHABLE,
    Stall,
    has_moved,
    missing_workers,
    stands_still,
    unreachable_broker,
)
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.shared.broker import RepeatedProbe, WorkerRegistry, connect_lazily
from deepchord.shared.errors import RunFailedError, StorageError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import create_app, served_queues
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore


def connect_if_given(settings: Settings) -> redis.Redis | None:
    """Return a connection to the broker of the settings; None if they have none."""
    return connect_lazily(settings) if settings.broker else None


class RunSupervisor:
    """Looks after one run between two views: reconciles it, follows it to its broker, finds out why it stalls."""

    def __init__(self, settings: Settings, store: RunStore, run: RunSpec, *, embedded: bool) -> None:
        """Connect to the broker of the settings.

        Args:
            settings: The broker, unless the run has its own; without a broker, only storage is read.
            store: Shared storage.
            run: The run.
            embedded: Whether this command has started the broker, and the workers with it.
        """
        self._given_settings = settings
        self._given_client = connect_if_given(settings)
        self._store = store
        self._embedded = embedded
        self._app = create_app(settings) if settings.broker else None
        self._reconciler = Reconciler(settings, store, self._given_client) if self._given_client is not None else None
        #: The connection to the broker that the run is on now.
        self.client = self._given_client
        self._settings = settings
        #: Why no worker goes on with the run.
        self._missing = UNREACHABLE if not embedded and unreachable_broker(settings, store, run) else None
        #: The reason that the last reconciliation found. It may be chance, as a worker may be slow to answer: it is
        #: shown only if the next reconciliation finds one, too.
        self._suspected: Stall | None = None
        #: What is wrong with the broker, if the run stands still.
        self._broker_trouble: Stall | None = None
        self._probe = RepeatedProbe()
        self._before: RunView | None = None

    def stall(self, view: RunView) -> Stall | None:
        """Return why the run stands still; None if it does not, or nobody knows."""
        if self._embedded and view.state == "waiting":
            return STARTING
        if self._missing not in (None, UNREACHABLE) and (not view.live or has_moved(view, self._before)):
            self._missing = None
        return None if view.has_ended else self._broker_trouble or self._missing

    def supervise(self, run: RunSpec, view: RunView) -> bool:
        """Reconcile the run, unless another command does so.

        Args:
            run: The run as it is in storage now.
            view: The last view of it.

        Returns:
            Whether the run is on another broker now, with another `client`.

        Raises:
            RunFailedError: Parts of the run were sent again several times in vain.
            BrokerError: The broker refuses this user.
        """
        if not self._embedded and _is_local(self._store, run):
            return self._join_own_broker(run)
        if self._missing == UNREACHABLE:  # somebody has resumed it, for workers of another broker
            self._missing = None
        if self._settings != self._given_settings:
            self._settings, self.client = self._given_settings, self._given_client
            return True
        self._broker_trouble = None if self._embedded else self._find_broker_trouble(view)
        if view.live and self._broker_trouble is None:
            self._reconcile(run, view)
        self._before = view
        return False

    def _join_own_broker(self, run: RunSpec) -> bool:
        """Change to the run's own broker if that is on this machine; return whether it is another one than before."""
        session = session_of(self._settings, run.run_id)
        self._missing = None if session else UNREACHABLE
        if session is None or session.broker == self._settings.broker:
            return False
        self._settings = self._settings.model_copy(update={"broker": session.broker})
        self.client = connect_if_given(self._settings)
        return True

    def _find_broker_trouble(self, view: RunView) -> Stall | None:
        """Return what is wrong with the broker; None if nothing is, or while the run goes on."""
        if self._settings.broker is None or (view.live and not stands_still(view, self._before)):
            return None
        trouble = self._probe.trouble(self._settings, now=not view.live)
        return None if trouble is None else Stall(kind="broker", reason=trouble)

    def _reconcile(self, run: RunSpec, view: RunView) -> None:
        if self._app is None or self._reconciler is None or self._given_client is None:
            return
        app = self._app
        _reconcile(self._reconciler, run)
        # The command that has an embedded broker has its workers, too, and sees itself when they end.
        registry = WorkerRegistry(self._given_client)
        missing = None
        if not self._embedded:
            missing = missing_workers(lambda: served_queues(app), registry, view, self._before)
        # A worker may be slow to answer: only what was found twice is shown, unless the run waits for its start. What
        # workers wait for may change in between.
        self._missing = missing if view.state == "waiting" or self._suspected is not None else None
        self._suspected = missing


def _is_local(store: RunStore, run: RunSpec) -> bool:
    try:
        return store.is_local(run.run_id)
    except StorageError:
        return True  # nothing is sent while that is not known; the next call asks again


def _reconcile(reconciler: Reconciler, run: RunSpec) -> None:
    try:
        obstacle = reconciler.reconcile(run)
    except StorageError:
        return  # the next view shows it
    if obstacle is not None:
        raise RunFailedError(
            f"Run {run.run_id} cannot go on: {obstacle}. Do all workers see the same storage as this command? "
            f"When they do, `deepchord resume {run.run_id}` goes on."
        )
