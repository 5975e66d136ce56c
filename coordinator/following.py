"""Follows a run to its end: the view, and what was lost on the way is sent again instead of waited for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from coordinator.progress import RunView, RunWatcher
from coordinator.reconciliation import EVERY_S, Reconciler
from coordinator.sessions import session_of
from shared.broker import connect_lazily
from shared.broker_probe import RepeatedProbe
from shared.celery_app import QUEUE, create_app, queue_of, served_queues
from shared.datasets import load_dataset
from shared.errors import DeepchordError, RunCancelledError, RunFailedError, StorageError, WorkersStoppedError
from shared.messages import RunSpec
from shared.progress_board import ProgressBoard
from shared.settings import Settings
from shared.storage import RunStore
from shared.validation import ended

#: How often the run is looked at.
_EVERY_S = 0.5
#: A look at a run of many members costs processor time: between two looks so many times as long passes, within bounds.
_REST = 9.0
_LONGEST_REST_S = 15.0
#: For so long what is watched may be out of reach.
_STORAGE_MAY_BE_AWAY_S = 60.0
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


def watcher(settings: Settings, store: RunStore, run: RunSpec) -> RunWatcher:
    """Return a watcher of a run with all that is known here: the broker, if there is one, and the test labels."""
    board = ProgressBoard(connect_lazily(settings)) if settings.broker else None
    try:
        labels = load_dataset(run.dataset, store, settings.cache).y_test
    except DeepchordError:
        labels = None  # the view does without the ensemble so far; the evaluation will say what is wrong
    return RunWatcher(store, run, board, labels)


def elsewhere(settings: Settings, store: RunStore, run: RunSpec) -> str | None:
    """Return that a run has workers of its own, none of which are here; None if that is not so, or not known."""
    try:
        return _ELSEWHERE if store.is_local(run.run_id) and session_of(settings, run.run_id) is None else None
    except StorageError:
        return None


def views(
    settings: Settings,
    store: RunStore,
    run: RunSpec,
    check: Callable[[], None] = lambda: None,
    *,
    embedded: bool = False,
) -> Iterator[RunView]:
    """Yield a run as it is now, again and again, until it has ended.

    A run that has an embedded broker of its own is looked after by the command that started that; to whoever only
    watches, on another broker perhaps, all of its members would seem lost. It is watched on its own broker, as soon as
    that is there.

    Args:
        settings: Where the broker is, unless the run has its own; None there: storage alone is looked at.
        store: Shared storage.
        run: The run.
        check: Called between two views; raises what makes waiting pointless.
        embedded: Whether the broker is one that this command has started for the run.

    Raises:
        RunFailedError: What was lost was sent again and again in vain.
    """
    care = _Care(settings, store, run, embedded=embedded)
    watching = watcher(settings, store, run)
    asked = time.monotonic()
    seen: float | None = None
    while True:
        began = time.thread_time()
        try:
            view = watching.look()
            seen = time.monotonic()
        except StorageError:
            # A network file system has hiccups; the members do not depend on whoever watches.
            if seen is None or time.monotonic() - seen > _STORAGE_MAY_BE_AWAY_S:
                raise
            time.sleep(_EVERY_S)
            continue
        yield replace(view, unserved=care.unserved(view))
        if view.has_ended:
            return
        try:
            check()
        except WorkersStoppedError as error:
            yield _last_look(watching, error)
            return
        if time.monotonic() - asked >= _ASK_EVERY_S:
            asked = time.monotonic()
            newest = _newest(store, run)
            joined = care.take(newest, view)
            if newest != run or joined:  # somebody has extended it, or resumed it
                run, watching = newest, watcher(care.settings, store, newest)
        time.sleep(min(_LONGEST_REST_S, max(_EVERY_S, _REST * (time.thread_time() - began))))


def _last_look(watching: RunWatcher, error: WorkersStoppedError) -> RunView:
    """Return a run that has ended before its last worker stopped; raise the error if it has not, or nobody can tell."""
    try:
        view = watching.look()
    except StorageError:
        raise error from None
    if not view.has_ended:
        raise error
    return view


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


def raise_if_failed(view: RunView) -> None:
    """Raise `RunFailedError` if the run ended without an evaluation, `RunCancelledError` if somebody cancelled it."""
    if view.state == "cancelled":
        raise RunCancelledError(
            f"Run {view.run.run_id} is cancelled; what it has trained stays in storage, and "
            f"`deepchord resume {view.run.run_id}` goes on from there."
        )
    if view.failure is not None and view.evaluation is None:
        raise RunFailedError(ended(f"Run {view.run.run_id} failed: {view.failure.reason}"))


def _is_local(store: RunStore, run: RunSpec) -> bool:
    try:
        return store.is_local(run.run_id)
    except StorageError:
        return True  # the next view tells


def _newest(store: RunStore, run: RunSpec) -> RunSpec:
    try:
        return store.run(run.run_id)
    except StorageError:
        return run  # the next view tells


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
    wanted = QUEUE if view.state == "evaluating" else queue_of(view.run.require)
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
