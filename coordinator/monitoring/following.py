"""Follows a run to its end: the view, and what was lost on the way is sent again instead of waited for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from deepchord.coordinator.monitoring.run_view import RunView, RunWatcher
from deepchord.coordinator.monitoring.stall_diagnosis import _ASK_EVERY_S, _Care
from deepchord.shared.broker import ProgressBoard, connect_lazily
from deepchord.shared.datasets import load_dataset
from deepchord.shared.errors import DeepchordError, RunCancelledError, RunFailedError, StorageError, WorkersStoppedError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import with_full_stop

#: How often the run is looked at.
_EVERY_S = 0.5
#: A look at a run of many members costs processor time: between two looks so many times as long passes, within bounds.
_REST = 9.0
_LONGEST_REST_S = 15.0
#: For so long what is watched may be out of reach.
_STORAGE_MAY_BE_AWAY_S = 60.0


def watcher(settings: Settings, store: RunStore, run: RunSpec) -> RunWatcher:
    """Return a watcher of a run with all that is known here: the broker, if there is one, and the test labels."""
    board = ProgressBoard(connect_lazily(settings)) if settings.broker else None
    try:
        labels = load_dataset(run.dataset, store, settings.cache).y_test
    except DeepchordError:
        labels = None  # the view does without the ensemble so far; the evaluation will say what is wrong
    return RunWatcher(store, run, board, labels)


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


def raise_if_failed(view: RunView) -> None:
    """Raise `RunFailedError` if the run ended without an evaluation, `RunCancelledError` if somebody cancelled it."""
    if view.state == "cancelled":
        raise RunCancelledError(
            f"Run {view.run.run_id} is cancelled; what it has trained stays in storage, and "
            f"`deepchord resume {view.run.run_id}` goes on from there."
        )
    if view.failure is not None and view.evaluation is None:
        raise RunFailedError(with_full_stop(f"Run {view.run.run_id} failed: {view.failure.reason}"))


def _newest(store: RunStore, run: RunSpec) -> RunSpec:
    try:
        return store.run(run.run_id)
    except StorageError:
        return run  # the next view tells
