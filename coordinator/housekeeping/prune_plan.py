"""Decides what of a storage nobody needs any more. Pure: what there is comes in, what goes comes out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from deepchord.shared.errors import InputError
from deepchord.shared.messages import KeptWeights
from deepchord.shared.storage import StoredObject
from deepchord.shared.validation import suggestion, with_full_stop

#: What no run uses stays for so long after it was last published or written: the run that is to use it may not be in
#: storage yet.
LEAST_AGE = timedelta(days=1)

_KEPT: tuple[KeptWeights, ...] = get_args(KeptWeights)
LooseKind = Literal["data set", "initial weights", "remains"]


@dataclass(frozen=True, kw_only=True)
class PruneRules:
    """What somebody wants removed."""

    now: datetime
    #: Runs that were evaluated longer ago than this are pruned.
    older_than: timedelta
    keep_weights: KeptWeights


def prune_rules(older_than: timedelta, keep_weights: str, now: datetime) -> PruneRules:
    """Return the rules that options ask for; raise `InputError` if `keep_weights` is none of those there are."""
    kept = next((each for each in _KEPT if each == keep_weights), None)
    if kept is None:
        raise InputError(f"--keep-weights is {keep_weights!r}{with_full_stop(suggestion(keep_weights, _KEPT))}")
    return PruneRules(now=now, older_than=older_than, keep_weights=kept)


@dataclass(frozen=True, kw_only=True)
class MemberWeights:
    """The weights of a member's record, and how it did on the images that it held out; less is better."""

    index: int
    stored: StoredObject
    loss: float


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What counts of a run."""

    run_id: str
    #: Whether whoever prunes may change it: it is theirs, nobody's, or they force it.
    is_own: bool
    #: When it was evaluated; None: it goes on, can go on, or a study of it is under way, so that it needs all it has.
    ended_at: datetime | None
    extension: int = 0
    #: The SHA-256 of its data set, of those of its studies, and of its initial weights.
    uses: frozenset[str] = frozenset()
    weights: tuple[MemberWeights, ...] = ()
    #: Training states, and results of attempts that no record names.
    surplus: tuple[StoredObject, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LooseObject:
    """Something that belongs to no run: a data set, a shard, initial weights, or what is left of a crash."""

    kind: LooseKind
    #: Under which it is kept; of remains that of their place.
    sha256: str
    stored: tuple[StoredObject, ...]
    #: When it was last published or written; None: nobody knows.
    last_at: datetime | None
    #: The shards that it is made of.
    parts: frozenset[str] = frozenset()

    @property
    def size_bytes(self) -> int:
        """The size of all of it."""
        return size_of(self.stored)


@dataclass(frozen=True, kw_only=True)
class StorageFacts:
    """What there is in a storage."""

    runs: tuple[RunFacts, ...]
    loose: tuple[LooseObject, ...]
    #: What writers left that died.
    leftovers: tuple[StoredObject, ...] = ()
    #: Runs whose spec or studies cannot be read: nobody knows what they use.
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunCut:
    """What is removed of a run."""

    run: RunFacts
    surplus: tuple[StoredObject, ...]
    weights: tuple[StoredObject, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all that is removed."""
        return size_of(self.surplus) + size_of(self.weights)


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What is removed, and what is left although it looks as if it could go."""

    rules: PruneRules
    runs: tuple[RunCut, ...]
    loose: tuple[LooseObject, ...]
    leftovers: tuple[StoredObject, ...]
    #: Loose objects of unknown age: they are noted now, and go when the note is old enough.
    undated: tuple[LooseObject, ...]
    #: Runs of others that would be pruned if they were one's own.
    of_others: tuple[str, ...]
    unreadable: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """How many bytes it frees."""
        runs = sum(cut.size_bytes for cut in self.runs)
        return runs + sum(each.size_bytes for each in self.loose) + size_of(self.leftovers)


def plan_prune(facts: StorageFacts, rules: PruneRules) -> PrunePlan:
    """Return what can be removed.

    A run that goes on or can go on keeps all it has, and every run keeps what it is made of. What no run uses goes when
    it is old.
    """
    cuts = [
        cut
        for run in facts.runs
        if run.ended_at is not None and run.ended_at <= rules.now - rules.older_than
        if (cut := _cut(run, rules.keep_weights)).surplus or cut.weights
    ]
    loose = [] if facts.unreadable else list(_unused(facts, rules.now - LEAST_AGE))
    return PrunePlan(
        rules=rules,
        runs=tuple(cut for cut in cuts if cut.run.is_own),
        loose=tuple(each for each in loose if each.last_at is not None),
        leftovers=tuple(each for each in facts.leftovers if _is_older(each.changed_at, rules.now - LEAST_AGE)),
        undated=tuple(each for each in loose if each.last_at is None),
        of_others=tuple(cut.run.run_id for cut in cuts if not cut.run.is_own),
        unreadable=facts.unreadable,
    )


def best_member(weights: Sequence[MemberWeights]) -> int | None:
    """Return the member that did best on the images that it held out; None of none. No test image has a say."""
    return min(weights, key=lambda each: (each.loss, each.index)).index if weights else None


def size_of(stored: Iterable[StoredObject]) -> int:
    """Return the size of objects, in bytes."""
    return sum(each.size_bytes for each in stored)


def _cut(run: RunFacts, keep: KeptWeights) -> RunCut:
    best = best_member(run.weights)
    kept = {each.index for each in run.weights if keep == "all" or (keep == "best" and each.index == best)}
    weights = tuple(each.stored for each in run.weights if each.index not in kept)
    return RunCut(run=run, surplus=run.surplus, weights=weights)


def _unused(facts: StorageFacts, limit: datetime) -> Iterable[LooseObject]:
    """Yield loose objects that no run uses, without those younger than the limit and what these are made of."""
    used = {sha256 for run in facts.runs for sha256 in run.uses}
    kept = {each.sha256 for each in facts.loose if each.sha256 in used or not _is_older(each.last_at, limit)}
    parts = {sha256 for each in facts.loose if each.sha256 in kept for sha256 in each.parts}
    unused = (each for each in facts.loose if each.sha256 not in used | parts)
    return (each for each in unused if each.last_at is None or each.last_at < limit)


def _is_older(moment: datetime | None, limit: datetime) -> bool:
    return moment is not None and moment < limit
