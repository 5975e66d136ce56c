"""Looks after a run that is followed: sends again what was lost, and finds out why nothing moves."""

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from deepchord.coordinator.local import session_of
from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.coordinator.reconciliation import EVERY_S, Reconciler
from deepchord.shared.broker import RepeatedProbe
from deepchord.shared.errors import RunFailedError, StorageError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE, create_app, queue_for, served_queues
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: How often it is looked whether something was lost.
_ASK_EVERY_S = EVERY_S


#: Workers that are there take a member in less time.
_UNSERVED_AFTER_S = 8.0


_MOST_LISTED = 8


_STARTING = "the workers on this machine are starting: they load their engine and examine the device"


_ELSEWHERE = (
    "the command that trains it has a broker of its own, which is not to be found here; if it is gone, "
    "`deepchord resume` goes on"
)


def elsewhere(settings: Settings, store: RunStore, run: RunSpec) -> str | None:
    """Return that a run has workers of its own, none of which are here; None if that is not so, or not known."""
    try:
        return _ELSEWHERE if store.is_local(run.run_id) and session_of(settings, run.run_id) is None else None
    except StorageError:
        return None


class _Care:
    """Looks after a run between two views: sends again what was lost, and finds out why it stands still."""

    def __init__(self, settings: Settings, store: RunStore, run: RunSpec, *, embedded: bool) -> None:
        #: With the broker that the run is on.
        self.settings = settings
        self._given = settings
        self._store = store
        self._embedded = embedded
        self._app = create_app(settings) if settings.broker else None
        self._reconciler = Reconciler(settings, store) if settings.broker else None
        self._unserved = None if embedded else elsewhere(settings, store, run)
        self._suspected: str | None = None
        #: What is wrong with the broker, if the run stands still.
        self._trouble: str | None = None
        self._probe = RepeatedProbe()
        self._before: RunView | None = None

    def unserved(self, view: RunView) -> str | None:
        """Return why the run stands still, as far as that is known."""
        if self._embedded and view.state == "waiting":
            return _STARTING
        if self._unserved not in (None, _ELSEWHERE) and (not view.live or _has_moved(self._before, view)):
            self._unserved = None
        return None if view.has_ended else self._trouble or self._unserved

    def take(self, run: RunSpec, view: RunView) -> bool:
        """Look after the run as it was in a view; return whether it is on another broker now."""
        if not self._embedded and _is_local(self._store, run):
            session = session_of(self.settings, run.run_id)
            self._unserved = None if session else _ELSEWHERE
            if session is None or session.broker == self.settings.broker:
                return False
            self.settings = self.settings.model_copy(update={"broker": session.broker})
            return True
        if self._unserved == _ELSEWHERE:  # somebody has resumed it, for other workers
            self._unserved = None
        if self.settings != self._given:
            self.settings = self._given
            return True
        self._trouble = None if self._embedded else self._find_trouble(view)
        if self._app is not None and self._reconciler is not None and view.live and self._trouble is None:
            _look_after(self._reconciler, run)
            # Who has an embedded broker has its workers, too: knows that they are starting, and sees them end.
            why = None if self._embedded else _why_unserved(self._app, view, self._before)
            # That nobody has answered once may be chance.
            self._unserved = why if view.state == "waiting" or why == self._suspected else None
            self._suspected = why
        self._before = view
        return False

    def _find_trouble(self, view: RunView) -> str | None:
        """Return what is wrong with the broker of a run that stands still, or that it tells nothing of, if known."""
        if self.settings.broker is None or (view.live and not _stands_still(view, self._before)):
            return None
        return self._probe.trouble(self.settings, now=not view.live)


def _is_local(store: RunStore, run: RunSpec) -> bool:
    try:
        return store.is_local(run.run_id)
    except StorageError:
        return True  # the next view tells


def _look_after(reconciler: Reconciler, run: RunSpec) -> None:
    try:
        in_vain = reconciler.look_after(run)
    except StorageError:
        return  # the next view tells
    if in_vain is not None:
        raise RunFailedError(
            f"Run {run.run_id} cannot go on: {in_vain}. Do all workers see the same storage as this command? "
            f"When they do, `deepchord resume {run.run_id}` goes on."
        )


def _stands_still(view: RunView, before: RunView | None) -> bool:
    """Say whether a run stands still, though workers have had the time to start."""
    return view.elapsed_s() >= _UNSERVED_AFTER_S if view.state == "waiting" else not _has_moved(before, view)


def _why_unserved(app: Celery, view: RunView, before: RunView | None) -> str | None:
    """Return why a run stands still, though workers have had the time to start; None if it may be at work."""
    is_waiting = view.state == "waiting"
    if not _stands_still(view, before):
        return None
    try:
        connected = served_queues(app)
    except (redis.RedisError, OperationalError):
        return None  # the next view tells that no broker answers
    wanted = QUEUE if view.state == "evaluating" else queue_for(view.run.require)
    if any(wanted in queues for queues in connected.values()):
        return "no worker has taken a member yet: those that could are busy" if is_waiting else None
    if not connected:
        return (
            f"no worker is connected to this broker{'' if is_waiting else ' any more'}: `deepchord worker` starts one"
        )
    listed = ", ".join(sorted(connected)[:_MOST_LISTED])
    return f"no connected worker serves --require {view.run.require}; connected are {listed}"


def _has_moved(before: RunView | None, view: RunView) -> bool:
    """Say whether any member has come further, or the run has; it may have if nothing is known of before."""
    if before is None:
        return True
    return (view.state, view.progress, view.records.keys()) != (before.state, before.progress, before.records.keys())
