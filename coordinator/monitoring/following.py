"""Follows a run until it ends: yields views of it, and has lost parts sent again in between."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import redis

from deepchord.coordinator.monitoring.run_supervisor import RunSupervisor, connect_if_given
from deepchord.coordinator.monitoring.run_view import RunView, RunWatcher
from deepchord.coordinator.reconciliation import EVERY_S
from deepchord.coordinator.runs import decide_members
from deepchord.shared.broker import ProgressBoard
from deepchord.shared.datasets import load_labels
from deepchord.shared.errors import DeepchordError, RunCancelledError, RunFailedError, StorageError, WorkersStoppedError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import with_full_stop

#: The shortest pause between two views.
_MIN_PAUSE_S = 0.5
#: A view of many members costs processor time: the pause after it is this many times as long as that processor time.
_PAUSE_FACTOR = 9.0
#: The longest pause between two views.
_MAX_PAUSE_S = 15.0
#: How often lost parts are looked for.
_SUPERVISE_EVERY_S = EVERY_S
#: The longest outage of storage during which the command keeps following, in seconds; members are trained without it.
_MAX_STORAGE_OUTAGE_S = 60.0


def view_run(settings: Settings, store: RunStore, run: RunSpec) -> RunView:
    """Return a run as it is now.

    Args:
        settings: Where broker and cache are; without a broker the view shows what storage holds.
        store: Shared storage.
        run: The run.

    Raises:
        StorageError: Storage does not answer.
        BrokerError: The broker refuses this user.
    """
    return with_awaited(new_watcher(store, run, connect_if_given(settings), settings.cache).look())


def watch_run(
    settings: Settings,
    store: RunStore,
    run: RunSpec,
    check: Callable[[], None] = lambda: None,
    *,
    embedded: bool = False,
    extends: bool = False,
) -> Iterator[RunView]:
    """Yield a run as it is now, again and again, until it has ended.

    A run with `members = "auto"` ends with the evaluation that says that it has enough. Before that it waits after each
    evaluation for whoever looks after it, who adds members.

    A run with an embedded broker of its own is reconciled by the command that started that broker. Other commands only
    watch it, on that broker as soon as it is there: on their own broker all of its members would seem lost.

    Args:
        settings: The broker, unless the run has its own; without a broker, only storage is read.
        store: Shared storage.
        run: The run.
        check: Called between two views; raises `WorkersStoppedError` if no worker is left.
        embedded: Whether this command has started the broker for the run.
        extends: Whether the caller adds members to the run: then the views end with its next evaluation.

    Raises:
        RunFailedError: Lost parts were sent again several times in vain.
        WorkersStoppedError: Raised by `check`, before the run had ended.
        StorageError: Storage was away for too long.
        BrokerError: The broker refuses this user.
    """
    supervisor = RunSupervisor(settings, store, run, embedded=embedded)
    watcher = new_watcher(store, run, supervisor.client, settings.cache)
    supervised_at = time.monotonic()
    seen_at: float | None = None
    while True:
        began = time.thread_time()
        view = _look(watcher, seen_at) if extends else with_awaited(_look(watcher, seen_at))
        seen_at = time.monotonic()
        stall = supervisor.stall(view)
        yield view if stall is None else replace(view, stall_reason=stall.reason, stall_kind=stall.kind)
        if view.has_ended:
            return
        try:
            check()
        except WorkersStoppedError as error:
            yield _last_view(watcher, error)
            return
        if time.monotonic() - supervised_at >= _SUPERVISE_EVERY_S:
            supervised_at = time.monotonic()
            newest = _newest(store, run)
            # Nothing of an evaluated run can be lost: its evaluation would only be sent again.
            is_moved = view.evaluation is None and supervisor.supervise(newest, view)
            if newest != run or is_moved:  # somebody has extended it, or resumed it
                run, watcher = newest, new_watcher(store, newest, supervisor.client, settings.cache)
        time.sleep(min(_MAX_PAUSE_S, max(_MIN_PAUSE_S, _PAUSE_FACTOR * (time.thread_time() - began))))


def raise_if_failed(view: RunView) -> None:
    """Raise `RunFailedError` if the run ended without an evaluation, `RunCancelledError` if somebody cancelled it."""
    if view.state == "cancelled":
        raise RunCancelledError(
            f"Run {view.run.run_id} is cancelled; what it has trained stays in storage, and "
            f"`deepchord resume {view.run.run_id}` goes on from there."
        )
    if view.failure is not None and view.evaluation is None:
        raise RunFailedError(with_full_stop(f"Run {view.run.run_id} failed: {view.failure.reason}"))


def new_watcher(store: RunStore, run: RunSpec, client: redis.Redis | None, cache: Path) -> RunWatcher:
    """Return a watcher with the progress of members, if there is a broker, and the test classes, if there are any."""
    board = None if client is None else ProgressBoard(client)
    try:
        labels = load_labels(run.dataset, "test", store, cache) if run.dataset.classes else None
    except DeepchordError:
        labels = None  # the views lack the ensemble so far; the evaluation reports what is wrong
    return RunWatcher(store, run, board, labels)


def with_awaited(view: RunView) -> RunView:
    """Return a view that tells whether its run waits for more members."""
    decision = decide_members(view.run, view.evaluation)
    extended = None if decision is None else decision.extended
    return view if extended is None else replace(view, awaited_members=extended.members)


def _look(watcher: RunWatcher, seen_at: float | None) -> RunView:
    """Return a run as it is now; wait for the end of a short outage of storage, as network file systems have them.

    Args:
        watcher: Of the run.
        seen_at: When storage last answered, on the monotonic clock; None: it never did, and an outage raises at once.
    """
    while True:
        try:
            return watcher.look()
        except StorageError:
            if seen_at is None or time.monotonic() - seen_at > _MAX_STORAGE_OUTAGE_S:
                raise
            time.sleep(_MIN_PAUSE_S)


def _last_view(watcher: RunWatcher, error: WorkersStoppedError) -> RunView:
    """Return the view of a run that ended before its last worker did; raise the error if the run has not ended."""
    try:
        view = watcher.look()
    except StorageError:
        raise error from None
    if not view.has_ended:
        raise error
    return view


def _newest(store: RunStore, run: RunSpec) -> RunSpec:
    try:
        return store.run(run.run_id)
    except StorageError:
        return run  # the next view shows it
