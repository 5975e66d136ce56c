import threading
from collections.abc import Callable
from typing import Any

import pytest

from deepchord.shared.broker import Holder, member_lease
from deepchord.worker.execution.guarding.guard import Guard, guarded
from deepchord.worker.execution.outcomes import MemberTaken, RunCancelled, WorkerLeaving
from deepchord.worker.resources import Resources
from deepchord.worker.training import TrainingState

NAME = member_lease("run", 0)
OTHER = Holder(worker="another", process_id=1, token="1")
NOTHING = TrainingState(weights=(), best_weights=())

#: What is told of a training, or an evaluation.
STEPS: list[Callable[[Guard], None]] = [
    Guard.advance,
    Guard.predicted,
    lambda guard: guard.batch(0, 0.5),
    lambda guard: guard.epoch(NOTHING),
]


@pytest.fixture
def guard(resources: Resources) -> Callable[..., Any]:
    def hold(is_over: Callable[[], Any] = lambda: None) -> Any:
        return guarded(resources, NAME, is_over, pytest.fail)

    return hold


def test_a_lease_is_held_for_the_length_of_a_block(guard, resources: Resources):
    with guard() as held:
        assert held.conflict is None
        assert held.lease.is_confirmed
        assert resources.leases.remaining_s(NAME) is not None

    assert resources.leases.remaining_s(NAME) is None


def test_a_lease_that_somebody_else_holds_stays_and_the_message_comes_again_when_it_would_have_ended(
    guard, resources: Resources
):
    resources.leases.hold(NAME, OTHER, 20)

    with guard() as held:
        assert 19 < held.conflict.after_s < 22

    assert resources.leases.hold(NAME, Holder(worker="third", process_id=1, token="3"), 20).holder == OTHER


@pytest.mark.parametrize("step", STEPS)
def test_each_step_keeps_the_process_from_being_ended(guard, step, monkeypatch: pytest.MonkeyPatch):
    with guard() as held:
        monkeypatch.setattr(held.watchdog, "_last", float("-inf"))
        assert not held.watchdog.is_advancing()
        step(held)
        assert held.watchdog.is_advancing()


@pytest.mark.parametrize("step", STEPS)
def test_whoever_lost_its_lease_ends_at_the_next_step(guard, resources: Resources, step):
    with guard() as held:
        step(held)
        resources.leases.hold(NAME, OTHER, 30, instead_of=resources.leases.hold(NAME, OTHER, 1))
        held.lease.renew()

        for _ in range(2):
            with pytest.raises(MemberTaken):
                step(held)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_is_told_to_stop_ends_its_attempt_at_the_next_step(guard, resources: Resources, step):
    with guard() as held:
        step(held)
        resources.leaving.set()

        with pytest.raises(WorkerLeaving):
            step(held)


def test_a_reason_to_end_is_asked_for_while_the_lease_is_held(guard, resources: Resources):
    resources.settings = resources.settings.model_copy(update={"lease_s": 1.0})
    asked = threading.Event()

    def is_over() -> type[RunCancelled]:
        asked.set()
        return RunCancelled

    with guard(is_over) as held:
        asked.wait()
        held.lease.ask()
        with pytest.raises(RunCancelled):
            held.advance()
