"""When the work of a worker is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.worker.resources import Resources
from deepchord.worker.service.ending import SETTLE_S, Ending, Workload, is_idle, why_done

LOADS = st.builds(
    Workload,
    taken=st.integers(0, 2),
    waiting=st.none() | st.integers(0, 3),
    members_left=st.none() | st.integers(0, 2),
    is_refused=st.booleans(),
)


@given(load=LOADS, idle_s=st.floats(0, 100), until_empty=st.booleans())
def test_a_worker_ends_only_if_it_may_not_go_on_or_has_had_nothing_to_do_for_a_while(load, idle_s, until_empty):
    why = why_done(load, idle_s, until_empty=until_empty)

    assert (why is not None) is (load.is_refused or (idle_s >= SETTLE_S and (load.members_left == 0 or until_empty)))


@pytest.mark.parametrize(
    ("load", "until_empty", "expected"),
    [
        (Workload(taken=0, waiting=0), True, True),
        (Workload(taken=1, waiting=0), True, False),
        (Workload(taken=0, waiting=1), True, False),
        (Workload(taken=0, waiting=None), True, False),
        (Workload(taken=0, waiting=1), False, True),
        (Workload(taken=1, waiting=None), False, False),
    ],
)
def test_a_worker_is_idle_without_a_message_and_if_it_ends_by_that_without_one_that_waits(load, until_empty, expected):
    assert is_idle(load, until_empty=until_empty) is expected


def test_a_pause_between_two_members_ends_no_worker(settings):
    now, stopped = [0.0], []
    ending = Ending(Resources(settings), until_empty=True, stop=lambda: stopped.append(now[0]), clock=lambda: now[0])
    busy, idle = Workload(taken=1, waiting=3), Workload(taken=0, waiting=0)

    for at_s, load in ((10.0, busy), (12.0, idle), (14.0, busy), (18.9, idle)):
        now[0] = at_s
        assert not ending.has_ended(load)
    now[0] = 19.0
    assert ending.has_ended(idle)

    assert stopped == [19.0]
