from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.reconciliation.resend_policy import (
    MAX_FRUITLESS_RESENDS,
    RESEND_AGAIN_AFTER_S,
    Observations,
    ResendState,
    due,
)
from deepchord.shared.broker import RENEWAL_INTERVAL_S

PATIENCE_S = 30.0
PARTS = st.integers(0, 4)


def test_what_was_never_begun_is_sent_again_after_a_while_only():
    seen = Observations()

    assert due(seen, [3], {}, 0.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 29.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 30.0, PATIENCE_S) == [3]


def test_what_somebody_worked_at_is_sent_again_when_the_lease_has_ended_by_itself():
    seen = Observations()
    due(seen, [], {3: 4.0}, 0.0, PATIENCE_S)

    assert due(seen, [3], {}, 5.0, PATIENCE_S) == [3]
    assert due(seen, [3], {}, 5.0 + 2 * RENEWAL_INTERVAL_S, PATIENCE_S) == []


def test_what_the_broker_forgot_is_sent_again_when_nobody_can_take_it_again_any_more():
    seen = Observations()
    due(seen, [], {3: 28.0}, 0.0, PATIENCE_S)

    assert due(seen, [3], {}, 1.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 1.0 + RENEWAL_INTERVAL_S, PATIENCE_S) == []
    assert due(seen, [3], {}, 3.0 + RENEWAL_INTERVAL_S, PATIENCE_S) == [3]
    assert due(seen, [3], {}, 6.0 + 2 * RENEWAL_INTERVAL_S, PATIENCE_S) == []


def test_what_its_holder_takes_again_after_the_broker_forgot_is_not_sent_again():
    seen = Observations()
    due(seen, [], {3: 28.0}, 0.0, PATIENCE_S)
    assert due(seen, [3], {}, 4.0, PATIENCE_S) == []

    assert due(seen, [], {3: 30.0}, 9.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 14.0, PATIENCE_S) == []


def test_what_was_sent_again_is_left_alone_for_as_long_again():
    seen = Observations()
    due(seen, [3], {}, 0.0, PATIENCE_S)
    assert due(seen, [3], {}, 30.0, PATIENCE_S) == [3]

    assert due(seen, [3], {}, 59.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 60.0, PATIENCE_S) == [3]


def test_what_is_found_in_between_begins_to_be_waited_for_anew():
    seen = Observations()
    due(seen, [3], {}, 0.0, PATIENCE_S)
    due(seen, [], {}, 10.0, PATIENCE_S)
    due(seen, [3], {}, 20.0, PATIENCE_S)

    assert due(seen, [3], {}, 40.0, PATIENCE_S) == []
    assert due(seen, [3], {}, 50.0, PATIENCE_S) == [3]


def test_what_was_sent_again_in_vain_is_left_until_there_is_hope_again():
    state = ResendState(progress=2, times=0, at=0.0)
    for _ in range(MAX_FRUITLESS_RESENDS):
        assert not state.is_exhausted(2, state.at)
        state = state.after_resend(2, state.at + PATIENCE_S)

    assert state.is_exhausted(2, state.at + PATIENCE_S)
    assert not state.is_exhausted(3, state.at + PATIENCE_S), "it came further"
    hopeful = state.at + RESEND_AGAIN_AFTER_S
    assert not state.is_exhausted(2, hopeful)
    assert state.after_resend(2, hopeful) == ResendState(progress=2, times=1, at=hopeful)
    assert state.after_resend(3, state.at).times == 1


@given(st.lists(st.tuples(st.sets(PARTS), st.dictionaries(PARTS, st.floats(0, 30)), st.floats(0, 40)), max_size=30))
def test_only_what_is_lost_is_sent_again_and_never_more_often_than_patience_allows(steps):
    seen, now, resent = Observations(), 0.0, {}
    for lost, held, passed in steps:
        now += passed
        held = {part: remaining_s for part, remaining_s in held.items() if part not in lost}
        was_held = set(seen.lease_ends)
        for part in due(seen, lost, held, now, PATIENCE_S):
            assert part in lost
            assert part in was_held or part not in resent or now - resent[part] >= PATIENCE_S
            resent[part] = now


@given(st.integers(0, 4), st.lists(st.floats(1, 10), min_size=32, max_size=40))
def test_what_stays_lost_is_sent_again_in_the_end(part, passed):
    seen, now, found = Observations(), 0.0, []
    for seconds in passed:
        now += seconds
        found += due(seen, [part], {}, now, PATIENCE_S)

    assert found
