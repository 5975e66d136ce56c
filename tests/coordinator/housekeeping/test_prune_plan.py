"""What is removed from a storage, whatever it holds: never what somebody may still need."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.housekeeping.prune_plan import (
    LEAST_AGE,
    LooseObject,
    MemberWeights,
    PrunePlan,
    PruneRules,
    RunFacts,
    StorageFacts,
    plan_prune,
    prune_rules,
)
from deepchord.shared.errors import InputError
from deepchord.shared.storage import StoredObject

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
#: Few, so that runs share data sets, and data sets share shards.
INPUTS = tuple(hashlib.sha256(bytes([number])).hexdigest() for number in range(6))
RUNS = ("a", "b", "c", "d")
MOMENTS = st.integers(0, 100 * 24).map(lambda hours: NOW - timedelta(hours=hours))


def stored(key: str, size: int = 1, changed_at: datetime | None = None) -> StoredObject:
    return StoredObject(key=key, size_bytes=size, changed_at=changed_at)


def run_facts(run_id: str) -> st.SearchStrategy[RunFacts]:
    weights = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), max_size=4, unique_by=lambda pair: pair[0])
    return st.builds(
        RunFacts,
        run_id=st.just(run_id),
        is_own=st.booleans(),
        ended_at=st.none() | MOMENTS,
        uses=st.frozensets(st.sampled_from(INPUTS), max_size=2),
        weights=weights.map(
            lambda pairs: tuple(
                MemberWeights(index=index, stored=stored(f"{run_id}/weights/{index}"), loss=loss)
                for index, loss in pairs
            )
        ),
        surplus=st.integers(0, 2).map(lambda n: tuple(stored(f"{run_id}/surplus/{i}") for i in range(n))),
    )


def loose(sha256: str) -> st.SearchStrategy[LooseObject]:
    return st.builds(
        LooseObject,
        kind=st.sampled_from(["data set", "initial weights", "remains"]),
        sha256=st.just(sha256),
        stored=st.just((stored(f"loose/{sha256}"),)),
        last_at=st.none() | MOMENTS,
        parts=st.frozensets(st.sampled_from(INPUTS), max_size=2).map(lambda parts: parts - {sha256}),
    )


STORAGES = st.builds(
    StorageFacts,
    runs=st.sets(st.sampled_from(RUNS)).flatmap(lambda ids: st.tuples(*map(run_facts, sorted(ids)))),
    loose=st.sets(st.sampled_from(INPUTS)).flatmap(lambda ids: st.tuples(*map(loose, sorted(ids)))),
    leftovers=st.lists(MOMENTS, max_size=2).map(
        lambda moments: tuple(stored(f"left/{number}", 1, moment) for number, moment in enumerate(moments))
    ),
    unreadable=st.just(()) | st.just(("e",)),
)
RULES = st.builds(
    PruneRules,
    now=st.just(NOW),
    older_than=st.integers(0, 100).map(lambda days: timedelta(days=days)),
    keep_weights=st.sampled_from(["best", "all", "none"]),
)


def removed_of_runs(plan: PrunePlan) -> set[str]:
    return {each.key for cut in plan.runs for each in (*cut.weights, *cut.surplus)}


@given(facts=STORAGES, rules=RULES)
def test_a_run_keeps_all_it_has_unless_it_is_ones_own_and_old(facts, rules):
    cut = {each.run.run_id for each in plan_prune(facts, rules).runs}

    may_go = {
        run.run_id
        for run in facts.runs
        if run.is_own and run.ended_at is not None and run.ended_at + rules.older_than <= NOW
    }
    assert cut <= may_go


@given(facts=STORAGES, rules=RULES)
def test_of_a_pruned_run_the_weights_stay_that_were_to_be_kept(facts, rules):
    for cut in plan_prune(facts, rules).runs:
        left = [each for each in cut.run.weights if each.stored not in cut.weights]

        assert cut.surplus == cut.run.surplus
        if rules.keep_weights == "all":
            assert len(left) == len(cut.run.weights)
        elif rules.keep_weights == "none":
            assert left == []
        elif cut.run.weights:
            (best,) = left
            assert best.loss == min(each.loss for each in cut.run.weights)


@given(facts=STORAGES, rules=RULES)
def test_what_a_run_uses_stays_with_all_its_parts(facts, rules):
    plan = plan_prune(facts, rules)
    gone = {each.sha256 for each in (*plan.loose, *plan.undated)}

    used = {sha256 for run in facts.runs for sha256 in run.uses}
    parts = {sha256 for each in facts.loose if each.sha256 in used for sha256 in each.parts}
    assert not gone & (used | parts)


@given(facts=STORAGES, rules=RULES)
def test_what_was_published_a_moment_ago_stays_with_all_its_parts(facts, rules):
    gone = {each.sha256 for each in plan_prune(facts, rules).loose}

    young = [each for each in facts.loose if each.last_at is None or each.last_at >= NOW - LEAST_AGE]
    assert not gone & {each.sha256 for each in young}
    assert not gone & {sha256 for each in young for sha256 in each.parts}


@given(facts=STORAGES, rules=RULES)
def test_while_nobody_knows_what_a_run_uses_nothing_goes_that_runs_use(facts, rules):
    plan = plan_prune(replace(facts, unreadable=("damaged",)), rules)

    assert (plan.loose, plan.undated, plan.unreadable) == ((), (), ("damaged",))


@given(facts=STORAGES, rules=RULES)
def test_what_no_run_uses_goes_when_it_is_old_and_then_there_is_nothing_left_to_do(facts, rules):
    plan = plan_prune(facts, rules)
    gone_loose, gone_keys = {each.sha256 for each in plan.loose}, removed_of_runs(plan)
    after = replace(
        facts,
        runs=tuple(
            replace(
                run,
                weights=tuple(each for each in run.weights if each.stored.key not in gone_keys),
                surplus=tuple(each for each in run.surplus if each.key not in gone_keys),
            )
            for run in facts.runs
        ),
        loose=tuple(each for each in facts.loose if each.sha256 not in gone_loose),
        leftovers=tuple(each for each in facts.leftovers if each not in plan.leftovers),
    )

    again = plan_prune(after, rules)

    assert again.size_bytes == 0
    assert (again.runs, again.loose, again.leftovers) == ((), (), ())
    assert plan.size_bytes == len(gone_keys) + len(gone_loose) + len(plan.leftovers)
    if not facts.unreadable:
        needed = {sha256 for run in facts.runs for sha256 in run.uses}
        alone = [each for each in facts.loose if each.sha256 not in needed | {p for o in facts.loose for p in o.parts}]
        assert {e.sha256 for e in alone if e.last_at is not None and e.last_at < NOW - LEAST_AGE} <= gone_loose


@given(facts=STORAGES, rules=RULES)
def test_what_others_own_is_counted_and_left(facts, rules):
    forced = replace(facts, runs=tuple(replace(run, is_own=True) for run in facts.runs))

    plan, all_of_it = plan_prune(facts, rules), plan_prune(forced, rules)

    assert {cut.run.run_id for cut in all_of_it.runs} == {cut.run.run_id for cut in plan.runs} | set(plan.of_others)
    assert all_of_it.of_others == ()


def test_files_half_written_go_when_their_writer_must_be_dead():
    old, new = stored("old", 5, NOW - 2 * LEAST_AGE), stored("new", 5, NOW)

    plan = plan_prune(
        StorageFacts(runs=(), loose=(), leftovers=(old, new)), prune_rules(timedelta(days=90), "all", NOW)
    )

    assert (plan.leftovers, plan.size_bytes) == ((old,), 5)


def test_weights_are_kept_by_one_of_three_words():
    assert prune_rules(timedelta(days=1), "best", NOW).keep_weights == "best"
    with pytest.raises(InputError, match=r"--keep-weights is 'bests'; did you mean 'best'\?"):
        prune_rules(timedelta(days=1), "bests", NOW)
