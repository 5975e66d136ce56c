"""May workers use this machine? The same rules, whatever is seen of it."""

from dataclasses import replace
from datetime import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deepchord.shared.settings import Hours, load_settings
from deepchord.worker.availability import End, Observation, Terms, Wait, Work, decide
from deepchord.worker.availability.decision import BEGINNING, Standing

MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
HOURS = st.builds(Hours, start=MINUTES, end=MINUTES).filter(lambda hours: hours.start != hours.end)
TERMS = st.builds(
    Terms,
    when_idle=st.booleans(),
    idle_s=st.floats(0.1, 3600),
    load_limit=st.floats(0.1, 8),
    hours=st.none() | HOURS,
    end_after_s=st.none() | st.floats(1, 10_000),
)
SEEN = st.builds(
    Observation,
    elapsed_s=st.floats(0, 20_000),
    time_of_day=st.times(),
    input_idle_s=st.none() | st.floats(0, 7200),
    load_of_others=st.none() | st.floats(0, 16),
    on_mains=st.none() | st.booleans(),
    gpu_users=st.none() | st.sampled_from([(), ("chess (7)",)]),
)
STANDINGS = st.builds(Standing, decision=st.just(Work()), in_use_at_s=st.floats(0, 20_000))

IDLE = Terms(when_idle=True, idle_s=300, load_limit=0.5)
FREE = Observation(
    elapsed_s=1000, time_of_day=time(12), input_idle_s=400, load_of_others=0.1, on_mains=True, gpu_users=()
)
LONG_FREE = Standing(decision=Work(), in_use_at_s=0.0)


def is_in_use(terms: Terms, seen: Observation) -> bool:
    """Whether load, power or GPU forbid it at this moment."""
    is_loaded = seen.load_of_others is not None and seen.load_of_others > terms.load_limit
    return is_loaded or seen.on_mains is False or bool(seen.gpu_users)


@given(terms=TERMS, seen=SEEN, before=STANDINGS)
def test_workers_work_exactly_when_nothing_forbids_it(terms: Terms, seen: Observation, before: Standing):
    after = decide(terms, seen, before)

    is_over = terms.end_after_s is not None and seen.elapsed_s >= terms.end_after_s
    is_hour = terms.hours is None or terms.hours.contain(seen.time_of_day)
    was_touched = seen.input_idle_s is not None and seen.input_idle_s < terms.idle_s
    in_use_at_s = seen.elapsed_s if is_in_use(terms, seen) else before.in_use_at_s
    is_free = not was_touched and seen.elapsed_s - in_use_at_s >= terms.settle_s and not is_in_use(terms, seen)
    assert isinstance(after.decision, End) is is_over
    assert isinstance(after.decision, Work) is (not is_over and is_hour and (is_free or not terms.when_idle))


@given(terms=TERMS, looks=st.lists(SEEN, min_size=2, max_size=12))
def test_after_others_have_used_the_machine_it_must_have_been_free_for_a_while(terms: Terms, looks: list[Observation]):
    assume(terms.when_idle)
    standing, last_use_s = BEGINNING, 0.0
    for seen in sorted(looks, key=lambda look: look.elapsed_s):
        standing = decide(terms, seen, standing)
        last_use_s = seen.elapsed_s if is_in_use(terms, seen) else last_use_s
        if isinstance(standing.decision, Work):
            assert seen.elapsed_s - last_use_s >= terms.settle_s


@given(terms=TERMS, start_s=st.floats(0, 1000))
def test_a_machine_that_stays_free_is_used_at_last(terms: Terms, start_s: float):
    seen = replace(FREE, elapsed_s=start_s + terms.settle_s + 1, input_idle_s=terms.idle_s, load_of_others=0.0)
    used = decide(terms, replace(FREE, elapsed_s=start_s, load_of_others=9.0))

    assert isinstance(decide(replace(terms, hours=None, end_after_s=None), seen, used).decision, Work)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"load_of_others": 0.84}, "load of others 0.8"),
        ({"on_mains": False}, "it runs on its battery"),
        ({"gpu_users": ("chess (7)", "go (8)")}, "its GPU is used by chess (7), go (8)"),
        ({"input_idle_s": 12.0}, "keyboard or mouse were used 12 s ago, 300 s are waited for"),
        ({"elapsed_s": 20.0}, "for 20 of 60 s it has been"),
    ],
)
def test_what_is_waited_for_is_told(changes: dict[str, object], reason: str):
    seen = replace(FREE, **changes)

    assert decide(IDLE, seen, LONG_FREE).decision == Wait(reason=f"until the machine is free: {reason}")


def test_what_cannot_be_known_forbids_nothing():
    unknown = Observation(elapsed_s=1000, time_of_day=time(12))

    assert decide(IDLE, unknown, LONG_FREE).decision == Work()


@given(hours=HOURS, moment=st.times())
def test_hours_and_all_others_are_the_whole_day(hours: Hours, moment: time):
    others = Hours(start=hours.end, end=hours.start)

    assert hours.contain(moment) is not others.contain(moment)
    assert Hours.parse(str(hours)) == hours


@pytest.mark.parametrize(("moment", "is_hour"), [(19, True), (23, True), (0, True), (6, True), (7, False), (12, False)])
def test_hours_may_lie_beyond_midnight(moment: int, is_hour: bool):
    terms = Terms.of(load_settings(hours="19:00-7:00"))
    decision = decide(terms, replace(FREE, time_of_day=time(moment))).decision

    assert decision == (Work() if is_hour else Wait(reason="until 19:00"))


def test_whoever_names_no_terms_is_always_at_work():
    assert decide(Terms(), Observation(elapsed_s=0, time_of_day=time(0), load_of_others=99.0)).decision == Work()
