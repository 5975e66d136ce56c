"""Reconciles one run until it ends, or all runs of a storage without end."""

import logging
import time
from collections.abc import Callable

from deepchord.coordinator.reconciliation.active_runs import ActiveRuns
from deepchord.coordinator.reconciliation.reconciler import EVERY_S, Reconciler
from deepchord.coordinator.runs import next_extension
from deepchord.shared.broker import connect_lazily
from deepchord.shared.errors import DeepchordError, InputError, RunFailedError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

#: Called with a run that was looked after, and with what keeps it from going on; None: nothing.
Observe = Callable[[RunSpec, str | None], None]


def _ignore(_: RunSpec, __: str | None) -> None:
    """Do nothing: nobody is interested."""


def reconcile_run(settings: Settings, store: RunStore, run_id: str, observe: Observe = _ignore) -> None:
    """Reconcile a run until it is evaluated, has failed, or is cancelled.

    A run with `members = "auto"` gets the members that help, and is evaluated each time.

    Args:
        settings: With a broker.
        store: Shared storage.
        run_id: The run.
        observe: Called after each look.

    Raises:
        InputError: The run has an embedded broker of its own, whose queue only its own command sees.
        RunFailedError: The run cannot go on.
        StorageError: Storage does not answer.
    """
    run = store.run(run_id)
    if store.is_local(run_id) and (not store.evaluation(run).has_ended() or next_extension(store, run) is not None):
        raise InputError(
            f"Run {run_id} has an embedded broker of its own: the command that trains it looks after it, and when that "
            f"is gone, `deepchord resume {run_id}` goes on."
        )
    reconciler = Reconciler(settings, store, connect_lazily(settings))
    while not store.is_cancelled(run_id):
        run = store.run(run_id)
        if store.evaluation(run).has_ended():
            if not reconciler.add_members(run):
                observe(run, None)
                return
            run = store.run(run_id)
        obstacle = reconciler.reconcile(run)
        observe(run, obstacle)
        if obstacle is not None:
            raise RunFailedError(f"Run {run_id} cannot go on: {obstacle}.")
        time.sleep(EVERY_S)


def reconcile_all(
    settings: Settings, store: RunStore, after_round: Callable[[], None] = lambda: None, observe: Observe = _ignore
) -> None:
    """Reconcile all runs in storage, and those that are still to come, without end.

    Runs with an embedded broker of their own are left out. The trouble of a run is logged once. A run that cannot go
    on is tried again now and then: workers that can train it may come.

    Args:
        settings: With a broker.
        store: Shared storage.
        after_round: Called after each round through all runs.
        observe: Called after each look at a run, unless that has a broker of its own and goes on there.
    """
    reconciler, active_runs = Reconciler(settings, store, connect_lazily(settings)), ActiveRuns(store)
    logged: dict[str, str] = {}
    while True:
        for run_id in _ids(active_runs):
            try:
                run = store.run(run_id)
                is_local = store.is_local(run_id)
                if store.evaluation(run).has_ended() and (is_local or not reconciler.add_members(run)):
                    observe(run, None)
                    active_runs.mark_ended(run_id)
                    continue
                trouble = None if is_local else reconciler.reconcile(run := store.run(run_id))
                if not is_local:
                    observe(run, trouble)
            except DeepchordError as error:
                trouble = str(error)
            if trouble is not None and logged.get(run_id) != trouble:
                logger.error("Run %s does not go on: %s", run_id, trouble, extra={"run_id": run_id})
                logged[run_id] = trouble
        after_round()
        time.sleep(EVERY_S)


def _ids(active_runs: ActiveRuns) -> list[str]:
    try:
        return active_runs.ids()
    except DeepchordError as error:
        logger.warning("No run could be reconciled: %s", error)
        return []
