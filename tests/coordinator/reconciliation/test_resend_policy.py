from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.reconciliation.resend_policy import HOPE_AGAIN_AFTER_S, MOST_FRUITLESS, Memory, Rung, due
from deepchord.shared.broker import RENEWAL_INTERVAL_S

PATIENCE_S = 30.0
PARTS = st.integers(0, 4)


def test_what_was_never_begun_is_rung_after_a_while_only():
    memory = Memory()

    assert due(memory, [3], {}, 0.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 29.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 30.0, PATIENCE_S) == [3]


def test_what_somebody_worked_at_is_rung_when_the_lease_has_ended_by_itself():
    memory = Memory()
    due(memory, [], {3: 4.0}, 0.0, PATIENCE_S)

    assert due(memory, [3], {}, 5.0, PATIENCE_S) == [3]
    assert due(memory, [3], {}, 5.0 + 2 * RENEWAL_INTERVAL_S, PATIENCE_S) == []


def test_what_the_broker_forgot_is_rung_when_nobody_can_take_it_again_any_more():
    memory = Memory()
    due(memory, [], {3: 28.0}, 0.0, PATIENCE_S)

    assert due(memory, [3], {}, 1.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 1.0 + RENEWAL_INTERVAL_S, PATIENCE_S) == []
    assert due(memory, [3], {}, 3.0 + RENEWAL_INTERVAL_S, PATIENCE_S) == [3]
    assert due(memory, [3], {}, 6.0 + 2 * RENEWAL_INTERVAL_S, PATIENCE_S) == []


def test_what_its_holder_takes_again_after_the_broker_forgot_is_not_rung():
    memory = Memory()
    due(memory, [], {3: 28.0}, 0.0, PATIENCE_S)
    assert due(memory, [3], {}, 4.0, PATIENCE_S) == []

    assert due(memory, [], {3: 30.0}, 9.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 14.0, PATIENCE_S) == []


def test_what_was_rung_is_left_alone_for_as_long_again():
    memory = Memory()
    due(memory, [3], {}, 0.0, PATIENCE_S)
    assert due(memory, [3], {}, 30.0, PATIENCE_S) == [3]

    assert due(memory, [3], {}, 59.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 60.0, PATIENCE_S) == [3]


def test_what_is_found_in_between_begins_to_be_waited_for_anew():
    memory = Memory()
    due(memory, [3], {}, 0.0, PATIENCE_S)
    due(memory, [], {}, 10.0, PATIENCE_S)
    due(memory, [3], {}, 20.0, PATIENCE_S)

    assert due(memory, [3], {}, 40.0, PATIENCE_S) == []
    assert due(memory, [3], {}, 50.0, PATIENCE_S) == [3]


def test_what_was_rung_in_vain_is_left_until_there_is_hope_again():
    rung = Rung(progress=2, times=0, at=0.0)
    for _ in range(MOST_FRUITLESS):
        assert not rung.is_fruitless(2, rung.at)
        rung = rung.again(2, rung.at + PATIENCE_S)

    assert rung.is_fruitless(2, rung.at + PATIENCE_S)
    assert not rung.is_fruitless(3, rung.at + PATIENCE_S), "it came further"
    hopeful = rung.at + HOPE_AGAIN_AFTER_S
    assert not rung.is_fruitless(2, hopeful)
    assert rung.again(2, hopeful) == Rung(progress=2, times=1, at=hopeful)
    assert rung.again(3, rung.at).times == 1


@given(st.lists(st.tuples(st.sets(PARTS), st.dictionaries(PARTS, st.floats(0, 30)), st.floats(0, 40)), max_size=30))
def test_only_what_is_lost_is_rung_and_never_more_often_than_patience_allows(steps):
    memory, now, rung = Memory(), 0.0, {}
    for lost, held, passed in steps:
        now += passed
        held = {part: remaining_s for part, remaining_s in held.items() if part not in lost}
        was_held = set(memory.held)
        for part in due(memory, lost, held, now, PATIENCE_S):
            assert part in lost
            assert part in was_held or part not in rung or now - rung[part] >= PATIENCE_S
            rung[part] = now


@given(st.integers(0, 4), st.lists(st.floats(1, 10), min_size=32, max_size=40))
def test_what_stays_lost_is_rung_in_the_end(part, passed):
    memory, now, found = Memory(), 0.0, []
    for seconds in passed:
        now += seconds
        found += due(memory, [part], {}, now, PATIENCE_S)

    assert found
