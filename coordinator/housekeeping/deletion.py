"""Removes a run from storage, unless somebody trains it or another run learns from it."""

import redis

from deepchord.coordinator.local import session_of
from deepchord.shared.broker import Leases, connect
from deepchord.shared.errors import (
    BrokerError,
    CorruptObjectError,
    DeepchordError,
    InputError,
    MessageDecodeError,
    OtherVersionError,
    RunNotFoundError,
)
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, keys


def delete_run(settings: Settings, store: RunStore, run: RunSpec) -> int:
    """Remove all that storage holds of a run but its data set, which others may use; return how many bytes that frees.

    The spec goes first: from then on there is no such run, and what a crash leaves of it is found by `survey_storage`.

    Args:
        settings: With the broker, if one is given; workers that hand over members of the run are looked for there.
        store: The storage.
        run: The run.

    Raises:
        InputError: The run has neither ended nor been cancelled, workers still hand its members over, or another run
            that has not ended learns from it.
        StorageError: Storage does not answer; the next call goes on.
    """
    check_settled(settings, store, run, "delete it")
    _refuse_taught(store, run)
    return _remove(store, run.run_id)


def delete_damaged_run(store: RunStore, run_id: str) -> int | None:
    """Remove a run whose spec cannot be read; return how many bytes that frees, or None if it can, or is no run at all.

    Raises:
        OtherVersionError: Another version of deepchord can read it.
        StorageError: Storage does not answer.
    """
    try:
        store.run(run_id)
    except RunNotFoundError:
        return None
    except OtherVersionError:
        raise
    except (CorruptObjectError, MessageDecodeError):
        return _remove(store, run_id)
    return None


def check_settled(settings: Settings, store: RunStore, run: RunSpec, purpose: str) -> None:
    """Raise `InputError` if a run may still change: it has neither ended nor been cancelled, or is just being stopped.

    Args:
        settings: With the broker, if one is given.
        store: The storage.
        run: The run.
        purpose: What is to be done afterwards, for the error.
    """
    if not store.is_cancelled(run.run_id) and not store.evaluation(run).has_ended():
        raise InputError(
            f"Run {run.run_id} has not ended: wait for that, or `deepchord cancel {run.run_id}`, then {purpose}."
        )
    session = session_of(settings, run.run_id)
    reaching = settings if session is None else settings.model_copy(update={"broker": session.broker, "local": False})
    if _held_members(reaching, run):
        raise InputError(
            f"Workers are handing members of run {run.run_id} over just now: try again in some seconds, then {purpose}."
        )


def _remove(store: RunStore, run_id: str) -> int:
    folder = keys.run_folder(run_id)
    stored = list(store.objects.entries(folder))
    store.objects.delete(keys.run(run_id))
    for entry in stored:
        store.objects.delete(entry.key)
    store.objects.delete_leftovers(folder)
    return sum(entry.size_bytes for entry in stored)


def _held_members(settings: Settings, run: RunSpec) -> bool:
    """Return whether workers have members of a run; without a broker that answers there is nobody to ask."""
    if settings.broker is None or settings.local:
        return False
    try:
        with connect(settings) as client:
            return bool(Leases(client).held_members(run.run_id, range(run.members)))
    except (BrokerError, redis.RedisError):
        return False


def _refuse_taught(store: RunStore, run: RunSpec) -> None:
    """Raise `InputError` if another run that has not ended learns from the ensemble of a run."""
    for run_id in store.run_ids():
        try:
            other = store.run(run_id)
        except DeepchordError:  # damaged, or just deleted
            continue
        if other.distillation is None or other.distillation.teacher != run.run_id:
            continue
        if not store.evaluation(other).has_ended():
            raise InputError(
                f"Run {other.run_id} learns from run {run.run_id} and has not ended: wait for that, or delete that one "
                "first."
            )
