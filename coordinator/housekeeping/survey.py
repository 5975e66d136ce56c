"""Looks at all that a storage holds, as far as `prune_plan` needs it; nothing is changed."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from deepchord.coordinator.housekeeping.prune_plan import (
    LooseKind,
    LooseObject,
    MemberWeights,
    PruneRules,
    RunFacts,
    StorageFacts,
)
from deepchord.coordinator.runs import next_extension
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import DatasetManifest, RunSpec, TrainedMember
from deepchord.shared.storage import RunStore, ShardStore, StoredObject, input_keys, keys, published_at

#: The folder of what tries whether storage can be written, and of what a crash leaves of that.
_PROBES = "probes/"


def survey_storage(store: RunStore, rules: PruneRules, is_own: Callable[[RunSpec], bool]) -> StorageFacts:
    """Return what a storage holds.

    Args:
        store: The storage.
        rules: What somebody wants removed; the members of younger runs are not read.
        is_own: Returns whether somebody may change a run.

    Raises:
        StorageError: Storage does not answer.
    """
    below = _by_run(store.objects.entries(keys.RUNS))
    runs: list[RunFacts] = []
    unreadable: list[str] = []
    for run_id in [run_id for run_id, objects in below.items() if keys.run(run_id) in objects]:
        try:
            run = store.run(run_id)
            runs.append(_run_facts(store, run, below[run_id], rules, is_own=is_own(run)))
        except DeepchordError:
            unreadable.append(run_id)
    loose, damaged = _loose(store, {sha256 for run in runs for sha256 in run.uses})
    remains = _remains(store, below)
    return StorageFacts(
        runs=tuple(runs),
        loose=(*loose, *remains, *_notes_of_nothing(store, {each.sha256 for each in (*loose, *remains)})),
        leftovers=tuple(store.objects.leftovers("")),
        unreadable=(*unreadable, *damaged),
    )


def ended_at(store: RunStore, run: RunSpec) -> datetime | None:
    """Return when a run was evaluated for good; see `RunFacts.ended_at`."""
    evaluation = store.evaluation(run).result()
    if evaluation is None or next_extension(store, run) is not None:
        return None
    studies = (store.study(run.run_id, name) for name in store.study_names(run.run_id))
    if any(not study.has_result() and not study.has_failed() for study in studies):
        return None
    return evaluation.evaluated_at


def used_by(store: RunStore, run: RunSpec) -> frozenset[str]:
    """Return the SHA-256 of all that a run and its studies are made of: data sets, images, initial weights."""
    studies = [store.study(run.run_id, name).spec() for name in store.study_names(run.run_id)]
    made_of = [run.dataset, run.initial_weights]
    looked_at = [each for study in studies if study is not None for each in (study.dataset, study.unseen)]
    return frozenset(each.sha256 for each in (*made_of, *looked_at) if each is not None)


def parts_of(store: RunStore, sha256: str) -> frozenset[str]:
    """Return the SHA-256 of the shards of a data set; raise `DeepchordError` if its manifest cannot be read."""
    manifest = DatasetManifest.decode(ShardStore(store.objects).manifest(sha256), input_keys.dataset_manifest(sha256))
    return frozenset(shard for array in manifest.arrays for shard in array.shards)


def _by_run(entries: Iterable[StoredObject]) -> Mapping[str, dict[str, StoredObject]]:
    found: dict[str, dict[str, StoredObject]] = defaultdict(dict)
    for entry in entries:
        found[entry.key.removeprefix(keys.RUNS).partition("/")[0]][entry.key] = entry
    return found


def _run_facts(
    store: RunStore, run: RunSpec, objects: Mapping[str, StoredObject], rules: PruneRules, *, is_own: bool
) -> RunFacts:
    ended = ended_at(store, run)
    is_old = ended is not None and ended <= rules.now - rules.older_than
    weights, surplus = _members(store, run, objects) if is_old else ((), ())
    return RunFacts(
        run_id=run.run_id,
        is_own=is_own,
        ended_at=ended,
        extension=run.extension,
        uses=used_by(store, run),
        weights=tuple(weights),
        surplus=tuple(surplus),
    )


def _members(
    store: RunStore, run: RunSpec, objects: Mapping[str, StoredObject]
) -> tuple[Sequence[MemberWeights], Sequence[StoredObject]]:
    """Return the weights that records name, and what attempts left beside them."""
    records = {record.member.spec.index: record.member for record in store.records(run.run_id, run.members)}
    weights: list[MemberWeights] = []
    surplus: list[StoredObject] = []
    for key, stored in objects.items():
        found = keys.attempt_file(key)
        if found is None:
            continue
        index, attempt, name = found
        member = records.get(index)
        is_named = isinstance(member, TrainedMember) and member.attempt == attempt
        if isinstance(member, TrainedMember) and is_named and name == keys.WEIGHTS:
            weights.append(MemberWeights(index=index, stored=stored, loss=_held_out_loss(member)))
        elif name.startswith(keys.EPOCHS) or (not is_named and name in (keys.WEIGHTS, keys.PROBABILITIES)):
            surplus.append(stored)
    return weights, surplus


def _held_out_loss(member: TrainedMember) -> float:
    """Return how a member did on the images that it held out, in the epoch whose weights it has; less is better."""
    kept = member.history[member.best_epoch - 1]
    return kept.validation_loss if kept.validation_accuracy is None else 1 - kept.validation_accuracy


def _loose(store: RunStore, used: set[str]) -> tuple[list[LooseObject], list[str]]:
    """Return all inputs of runs, and the keys of manifests that a run uses and nobody can read."""
    found: list[LooseObject] = []
    damaged: list[str] = []
    entries: Iterator[StoredObject] = (
        entry for folder in (input_keys.DATASETS, input_keys.INITIAL_WEIGHTS) for entry in store.objects.entries(folder)
    )
    for entry in entries:
        sha256 = input_keys.sha256_of(entry.key)
        if sha256 is None:  # somebody else's
            continue
        parts = frozenset[str]()
        if entry.key == input_keys.dataset_manifest(sha256):
            try:
                parts = parts_of(store, sha256)
            except DeepchordError:
                damaged += [entry.key] if sha256 in used else []
        kind: LooseKind = "data set" if entry.key.startswith(input_keys.DATASETS) else "initial weights"
        found.append(_loose_object(store, kind, sha256, (entry,), parts))
    return found, damaged


def _remains(store: RunStore, below: Mapping[str, dict[str, StoredObject]]) -> list[LooseObject]:
    """Return what is left of runs without a spec, which were deleted or imported by half, and of probes."""
    strays = [tuple(objects.values()) for run_id, objects in below.items() if keys.run(run_id) not in objects]
    probes = [(probe,) for probe in store.objects.entries(_PROBES)]
    return [_loose_object(store, "remains", _place_of(group), group) for group in (*strays, *probes)]


def _notes_of_nothing(store: RunStore, known: set[str]) -> Iterator[LooseObject]:
    """Yield the notes of publications that never came about."""
    for note in store.objects.entries(input_keys.PUBLICATIONS):
        sha256 = input_keys.sha256_of(note.key)
        if sha256 is not None and sha256 not in known:
            yield _loose_object(store, "remains", sha256, (note,))


def _loose_object(
    store: RunStore, kind: LooseKind, sha256: str, stored: tuple[StoredObject, ...], parts: frozenset[str] = frozenset()
) -> LooseObject:
    times = [published_at(store.objects, sha256), *(entry.changed_at for entry in stored)]
    last_at = max((each for each in times if each is not None), default=None)
    return LooseObject(kind=kind, sha256=sha256, stored=stored, last_at=last_at, parts=parts)


def _place_of(stored: Sequence[StoredObject]) -> str:
    """Return the SHA-256 under which remains are noted if storage does not tell when they were written."""
    return hashlib.sha256(stored[0].key.encode()).hexdigest()
