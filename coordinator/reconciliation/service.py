"""Reconciles one run until it ends, or all runs of a storage for ever."""

import logging
import time
from collections.abc import Callable

from deepchord.coordinator.reconciliation.active_runs import UnendedRuns
from deepchord.coordinator.reconciliation.reconciler import EVERY_S, Reconciler
from deepchord.shared.errors import DeepchordError, InputError, RunFailedError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)


def reconcile_run(settings: Settings, store: RunStore, run_id: str) -> None:
    """Look after a run until it has ended, in whatever way.

    Raises:
        InputError: It has an embedded broker of its own, whose queue nobody else sees.
        RunFailedError: It cannot go on.
        StorageError: Storage does not answer.
    """
    if store.is_local(run_id) and not store.evaluation(store.run(run_id)).has_ended():
        raise InputError(
            f"Run {run_id} has an embedded broker of its own: the command that trains it looks after it, and when that "
            f"is gone, `deepchord resume {run_id}` goes on."
        )
    reconciler = Reconciler(settings, store)
    while not store.evaluation(run := store.run(run_id)).has_ended() and not store.is_cancelled(run_id):
        in_vain = reconciler.look_after(run)
        if in_vain is not None:
            raise RunFailedError(f"Run {run_id} cannot go on: {in_vain}.")
        time.sleep(EVERY_S)


def reconcile_all(settings: Settings, store: RunStore, looked: Callable[[], None] = lambda: None) -> None:
    """Look after all runs in storage, also those still to come, for ever, but those that have a broker of their own.

    What is wrong with a run is logged, once. One that cannot go on is tried again every now and then: workers that fit
    may come.

    Args:
        settings: With a broker.
        store: Shared storage.
        looked: Called after each look at all runs.
    """
    reconciler, unended = Reconciler(settings, store), UnendedRuns(store)
    told: dict[str, str] = {}
    while True:
        for run_id in _ids(unended):
            try:
                run = store.run(run_id)
                if store.evaluation(run).has_ended():
                    unended.leave_out(run_id)
                    continue
                trouble = None if store.is_local(run_id) else reconciler.look_after(run)
            except DeepchordError as error:
                trouble = str(error)
            if trouble is not None and told.get(run_id) != trouble:
                logger.error("Run %s does not go on: %s", run_id, trouble, extra={"run_id": run_id})
                told[run_id] = trouble
        looked()
        time.sleep(EVERY_S)


def _ids(unended: UnendedRuns) -> list[str]:
    try:
        return unended.ids()
    except DeepchordError as error:
        logger.warning("Nothing could be looked after: %s", error)
        return []
