"""What there is to tell of a run, decided from views of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.notification import Notice
from deepchord.coordinator.notification.occasions import Seen, end_of, look, standstill
from deepchord.shared.messages import AutoMembers, Cancellation, RunFailure, RunSpec
from tests.coordinator.evaluated_run import evaluation_with, gain_of
from tests.coordinator.followed_run import NOW
from tests.coordinator.monitoring.example_views import line, run_of, trained

RUN = run_of(2)
TIMEOUT_S = 900.0


def failed_view() -> RunView:
    failure = RunFailure(requested=2, trained=0, reason="nobody learnt anything", failed_at=NOW)
    return RunView(run=RUN, failure=failure)


def evaluated_view(run: RunSpec = RUN, share: float = 0.0) -> RunView:
    return RunView(run=run, evaluation=evaluation_with(run, gain_of(share)))


def events(views: list[tuple[float, RunView]]) -> list[str | None]:
    """Return what is told after each view, with the times at which they are seen."""
    seen, told = Seen(), []
    for now, view in views:
        seen = look(seen, view, now, TIMEOUT_S)
        occasion = standstill(seen, view, now, NOW)
        told.append(None if occasion is None else occasion.event)
    return told


def test_an_end_is_told_with_what_became_of_the_run():
    evaluated, failed = end_of(evaluated_view(), NOW), end_of(failed_view(), NOW)

    assert (evaluated.event, failed.event) == ("evaluated", "failed")
    assert evaluated.sentence == (f"Run {RUN.run_id} is evaluated. Ensemble test accuracy 90.00%, with 2 of 2 members.")
    assert failed.sentence == f"Run {RUN.run_id} failed: nobody learnt anything."


def test_neither_a_cancelled_run_nor_one_that_goes_on_nor_an_old_end_is_told():
    cancelled = RunView(run=RUN, cancellation=Cancellation(host="here", cancelled_at=NOW))

    assert end_of(cancelled, NOW) is None
    assert end_of(RunView(run=RUN), NOW) is None
    assert end_of(failed_view(), NOW + timedelta(hours=23)) is not None
    assert end_of(failed_view(), NOW + timedelta(hours=25)) is None


@pytest.mark.parametrize(("share", "is_told"), [(0.5, False), (0.0001, True)])
def test_an_evaluation_after_which_more_members_help_is_no_end(share: float, is_told: bool):
    run = RUN.model_copy(update={"auto": AutoMembers(at_most=10, least_fall=0.01)})

    assert (end_of(evaluated_view(run, share), NOW) is not None) is is_told


def test_missing_workers_are_told_when_they_are_missing_for_a_minute_and_told_again_after_they_were_there():
    none = RunView(run=RUN, stall_kind="no_workers", stall_reason="no worker is connected")
    some = RunView(run=RUN, progress={0: line(0)})

    assert events([(0, none), (59, none), (60, none), (70, some), (80, none), (139, none), (140, none)]) == (
        [None, None, "no_workers", None, None, None, "no_workers"]
    )


def test_workers_that_start_or_are_busy_and_brokers_elsewhere_are_no_trouble():
    for kind in ("starting", "busy", "unreachable"):
        view = RunView(run=RUN, stall_kind=kind, stall_reason="so")
        assert events([(0, view), (100, view), (10_000, view)]) == [None] * 3


def test_a_broker_that_fails_or_vanishes_is_told_but_not_one_that_nobody_knows():
    broken = RunView(run=RUN, stall_kind="broker", stall_reason="the broker has no memory left")
    offline, live = RunView(run=RUN, live=False), RunView(run=RUN)

    assert events([(0, broken), (60, broken)]) == [None, "stalled"]
    assert events([(0, live), (1, offline), (61, offline)]) == [None, None, "stalled"]
    assert events([(0, offline), (1000, offline)]) == [None, None]


def test_a_training_in_which_nothing_changes_is_told_after_the_time_that_a_step_may_take():
    view, moved = RunView(run=RUN, progress={0: line(0)}), RunView(run=RUN, progress={0: line(0), 1: line(1)})

    assert events([(0, view), (899, view), (900, view), (960, view), (961, moved)]) == [
        *[None, None, None, "stalled"],
        None,
    ]


KINDS = st.sampled_from([None, "busy", "no_workers", "broker"])


@given(st.lists(st.tuples(st.floats(0.1, 120.0), KINDS, st.booleans()), max_size=40))
def test_only_trouble_that_has_lasted_a_minute_without_a_break_is_told(steps):
    now, since, views, expected = 0.0, None, [], []
    for pause, kind, live in steps:
        now += pause
        view = RunView(run=RUN, live=live or kind is not None, stall_kind=kind, stall_reason=kind)
        was_live = any(before.live for _, before in views)
        event = {"no_workers": "no_workers", "broker": "stalled"}.get(kind)
        if event is None and was_live and not view.live:
            event = "stalled"
        since = (event, now) if event is None or since is None or since[0] != event else since
        views.append((now, view))
        expected.append(event if event is not None and now - since[1] >= 60 else None)

    assert events(views) == expected


def test_a_notice_has_the_same_id_whoever_tells_it_and_another_one_when_more_members_have_ended():
    seen = Seen(trouble=("stalled", "it rains"), trouble_since=0.0)
    view = RunView(run=RUN)
    occasion = standstill(seen, view, 60.0, NOW)
    later = replace(view, records={0: trained(RUN, 0)})

    first, other = Notice.of(occasion, view, "here"), Notice.of(occasion, view, "there")

    assert first.id == other.id == f"{RUN.run_id}-0-stalled-0"
    assert first.message == f"Run {RUN.run_id} does not go on: it rains."
    assert Notice.of(occasion, later, "here").id == f"{RUN.run_id}-0-stalled-1"
    assert Notice.of(end_of(failed_view(), NOW), failed_view(), "here").id == f"{RUN.run_id}-0-failed"
