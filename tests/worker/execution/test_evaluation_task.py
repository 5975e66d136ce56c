"""What becomes of an evaluation's message, with a real broker and storage; tests/worker/test_tasks.py has the rest."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from deepchord.shared.broker import Holder, evaluation_lease
from deepchord.shared.errors import RunNotFoundError, StorageError
from deepchord.shared.messages import MemberSpec, RunSpec
from deepchord.shared.storage import EvaluationStore, RunStore
from deepchord.worker.execution import handle_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.execution.outcomes import Completed, DeferToOthers, Outcome, Refused, Requeue, Resend
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer

OTHERS = partial(frozenset, ["other@here"])
OTHER = Holder(worker="another", process_id=1, token="1")


@pytest.fixture
def trained(resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]) -> None:
    for spec in members:
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)


@pytest.fixture
def handle(resources: Resources, run: RunSpec) -> Callable[..., Outcome]:
    def evaluation(run_id: str = run.run_id, **options: Any) -> Outcome:
        return handle_evaluation(resources, run_id, "me@here", **options)

    return evaluation


@pytest.mark.usefixtures("trained")
def test_a_run_is_evaluated_once_and_nothing_is_left_but_its_records(
    handle, resources: Resources, store: RunStore, run: RunSpec
):
    assert handle() == Completed(status="evaluated")
    evaluation = store.evaluation(run).result()
    assert handle() == Completed(status="evaluated")

    assert store.evaluation(run).result() == evaluation
    assert len(store.evaluation(run).attempts()) == 1
    assert resources.leases.remaining_s(evaluation_lease(run.run_id)) is None


def test_a_run_whose_members_have_not_ended_is_left_for_now(handle, store: RunStore, run: RunSpec):
    assert handle() == Completed(status=None)
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_somebody_else_makes_is_looked_at_again_later(
    handle, resources: Resources, store: RunStore, run: RunSpec
):
    resources.leases.hold(evaluation_lease(run.run_id), OTHER, 20)

    outcome = handle()

    assert isinstance(outcome, Resend)
    assert 19 < outcome.after_s < 22
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_a_worker_that_was_told_to_stop_begins_no_evaluation(handle, resources: Resources, store: RunStore, run):
    resources.leaving.set()

    assert handle() == Requeue()
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_failed_here_is_left_to_another_worker_if_there_is_one(
    handle, resources: Resources, run: RunSpec
):
    resources.board.report_evaluation_trouble(run, "MemoryError: busy", failed_on="me@here")

    assert isinstance(handle(others=OTHERS), DeferToOthers)
    assert handle() == Completed(status="evaluated")


def test_an_evaluation_of_a_run_that_is_not_in_this_storage_is_refused(handle):
    refused = handle("20260101-000000-dead")

    assert isinstance(refused, Refused)
    assert isinstance(refused.error, RunNotFoundError)


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_no_attempt_can_be_begun_at_is_refused_and_watchers_see_why(
    handle, resources: Resources, run: RunSpec, monkeypatch
):
    def refuse(*_: object) -> int:
        raise StorageError("read-only", permanent=True)

    monkeypatch.setattr(EvaluationStore, "start_attempt", refuse)

    refused = handle()

    assert isinstance(refused, Refused)
    assert str(refused.error) == "read-only"
    assert resources.board.evaluation_trouble(run) == "StorageError: read-only"
