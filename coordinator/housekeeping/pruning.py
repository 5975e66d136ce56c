"""Removes what a plan says, as far as nobody has begun to need it since."""

from collections.abc import Callable
from datetime import UTC, datetime

from deepchord.coordinator.housekeeping.prune_plan import LEAST_AGE, LooseObject, PrunePlan, RunCut
from deepchord.coordinator.housekeeping.survey import ended_at, used_by
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import Pruning
from deepchord.shared.storage import (
    RunStore,
    StoredObject,
    input_keys,
    keys,
    note_pruning,
    note_publication,
    published_at,
)


def prune(store: RunStore, plan: PrunePlan, owner: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Remove what a plan says; return how many bytes that freed.

    Whatever somebody has begun to need since the plan was made stays: a run that was extended, or a data set that was
    published again.

    Args:
        store: The storage.
        plan: What goes.
        owner: Who removes it, for the notes.
        now: Returns the present time, in UTC.
    """
    freed = sum(_cut_run(store, cut, plan, owner, now()) for cut in plan.runs)
    new = _used_now(store)
    for loose in plan.loose:
        if new is not None and loose.sha256 not in new and _is_still_unneeded(store, loose, now()):
            freed += _delete(store, loose.stored)
            store.objects.delete(input_keys.publication(loose.sha256))
    for loose in plan.undated:
        note_publication(store.objects, loose.sha256)
    before = now() - LEAST_AGE
    freed += sum(each.size_bytes for each in plan.leftovers)
    store.objects.delete_leftovers("", before)
    return freed


def _cut_run(store: RunStore, cut: RunCut, plan: PrunePlan, owner: str, now: datetime) -> int:
    """Remove weights and what is in excess of a run, unless it goes on meanwhile, is studied, or is gone."""
    run, kept = cut.run, plan.rules.keep_weights
    if cut.weights:
        # Who extends a run looks for the note afterwards, and this looks for extensions afterwards: one sees the other.
        note_pruning(store.objects, run.run_id, Pruning(kept=kept, owner=owner, pruned_at=now))
    try:
        newest = store.run(run.run_id)
        is_as_planned = newest.extension == run.extension and ended_at(store, newest) == run.ended_at
    except DeepchordError:
        is_as_planned = False
    if not is_as_planned:
        if cut.weights:
            store.objects.delete(keys.pruning(run.run_id))
        return 0
    return _delete(store, (*cut.surplus, *cut.weights))


def _used_now(store: RunStore) -> frozenset[str] | None:
    """Return what runs use that are in storage now; None if one of them cannot be read."""
    try:
        return frozenset(sha256 for run_id in store.run_ids() for sha256 in used_by(store, store.run(run_id)))
    except DeepchordError:
        return None


def _is_still_unneeded(store: RunStore, loose: LooseObject, now: datetime) -> bool:
    """Return whether nobody has published something again, or made remains of a run whole, since it was looked at."""
    folder, _, below = loose.stored[0].key.partition("/")
    if f"{folder}/" == keys.RUNS and store.objects.exists(keys.run(below.partition("/")[0])):
        return False
    published = published_at(store.objects, loose.sha256)
    return published is None or published < now - LEAST_AGE


def _delete(store: RunStore, stored: tuple[StoredObject, ...]) -> int:
    for each in stored:
        store.objects.delete(each.key)
    return sum(each.size_bytes for each in stored)
