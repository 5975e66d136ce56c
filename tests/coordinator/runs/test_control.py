from datetime import UTC, datetime
from functools import partial

import pytest

from deepchord.coordinator.runs import (
    cancel_member,
    cancel_run,
    change_priority,
    check_unfinished,
    drain,
    extend_run,
    plan_extension,
    plan_member,
    plan_request,
    plan_run,
    resume_run,
)
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.messages import Cancellation, DatasetInfo, FailedMember, RunFailure, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from deepchord.shared.shares import Share
from deepchord.shared.storage import RunStore, failures_in_a_row

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    request = plan_request(None, {"members": 4, "min_members": 3, "seed": 1})
    run = plan_run(request, TINY, DATASET, max_attempts=3, now=NOW)
    store.create_run(run)
    return run


@pytest.fixture
def failed(store: RunStore, run: RunSpec) -> RunSpec:
    for index in range(run.members):
        cancel_member(store, run, index, "here")
    store.evaluation(run).commit_failure(RunFailure(requested=4, trained=0, reason="nobody learnt", failed_at=NOW))
    return run


def test_a_run_has_the_priority_that_it_was_given_last_and_keeps_its_limit(store, run, failed):
    limited = run.model_copy(update={"run_id": "limited", "share": Share(most_workers=2)})
    store.create_run(limited)
    assert (store.share(run), store.share(limited)) == (Share(), Share(most_workers=2))

    changed = [change_priority(store, limited, priority) for priority in ("low", "high")]

    assert changed == [Share(priority=priority, most_workers=2) for priority in ("low", "high")]
    assert store.share(store.run("limited")) == changed[1]
    with pytest.raises(InputError, match="priority: input should be 'low', 'normal' or 'high', found 'top'"):
        change_priority(store, limited, "top")
    with pytest.raises(InputError, match="nobody learnt"):
        change_priority(store, failed, "high")


def test_a_run_is_cancelled_and_resumed(store, run):
    cancel_run(store, run, "here")
    assert store.is_cancelled(run.run_id)

    resume_run(store, run)
    assert not store.is_cancelled(run.run_id)


def test_a_run_that_ends_while_it_is_cancelled_has_ended(store, run, monkeypatch):
    cancel = RunStore.cancel_run

    def late(store: RunStore, run_id: str, cancellation: Cancellation) -> None:
        store.evaluation(run).commit_failure(
            RunFailure(requested=4, trained=4, reason="its evaluation failed", failed_at=NOW)
        )
        cancel(store, run_id, cancellation)

    monkeypatch.setattr(RunStore, "cancel_run", late)

    with pytest.raises(InputError, match=r"has failed \(its evaluation failed\)"):
        cancel_run(store, run, "here")

    assert not store.is_cancelled(run.run_id)
    assert store.evaluation(run).has_failed()


def test_a_run_whose_end_is_just_being_written_when_it_is_cancelled_has_ended(store, run, monkeypatch):
    create = store.objects.create

    def late(key: str, data: bytes) -> bool:
        if key.endswith("/failed.json"):  # after the last look for a cancellation
            cancel_run(store, run, "here")
        return create(key, data)

    monkeypatch.setattr(store.objects, "create", late)

    assert store.evaluation(run).commit_failure(RunFailure(requested=4, trained=4, reason="no luck", failed_at=NOW))

    assert not store.is_cancelled(run.run_id)


def test_the_cancellation_of_a_run_that_was_extended_meanwhile_is_not_taken_back(store, run, monkeypatch):
    create = store.objects.create

    def late(key: str, data: bytes) -> bool:
        if key.endswith("/failed.json"):
            cancel_run(store, extend_run(store, plan_extension(run, 6, None)), "here")
        return create(key, data)

    monkeypatch.setattr(store.objects, "create", late)

    assert store.evaluation(run).commit_failure(RunFailure(requested=4, trained=4, reason="no luck", failed_at=NOW))

    assert store.is_cancelled(run.run_id)


def test_attempts_before_a_run_was_resumed_do_not_count(store, run):
    for _ in range(3):
        store.member(run.run_id, 2).start_attempt(b"{}")
    assert failures_in_a_row(store.member(run.run_id, 2).attempts()) == 3

    resume_run(store, run)

    assert failures_in_a_row(store.member(run.run_id, 2).attempts()) == 0


@pytest.mark.parametrize("what", [partial(cancel_run, host="here"), check_unfinished, resume_run])
def test_a_run_that_has_ended_is_neither_cancelled_nor_resumed(store, failed, what):
    with pytest.raises(InputError, match=r"has failed \(nobody learnt\); `deepchord extend .* trains further members"):
        what(store, failed)


def test_a_run_that_failed_before_its_members_had_ended_can_be_resumed_and_its_attempts_do_not_count(store, run):
    for index in range(2):
        store.member(run.run_id, index).start_attempt(b"{}")
    store.evaluation(run).commit_failure(
        RunFailure(requested=4, trained=0, reason="the data is at fault", failed_at=NOW)
    )

    with pytest.raises(InputError, match=r"\(the data is at fault\); when that is put right, `deepchord resume "):
        cancel_run(store, run, "here")
    anew = resume_run(store, run)

    assert (anew.extension, store.evaluation(anew).failure()) == (1, None)
    assert [failures_in_a_row(store.member(run.run_id, index).attempts()) for index in range(2)] == [0, 0]


def test_a_run_that_has_ended_can_be_resumed_if_a_record_is_damaged_which_is_kept_aside(store, run):
    for index in range(run.members):
        cancel_member(store, run, index, "here")
    store.evaluation(run).commit_failure(RunFailure(requested=4, trained=0, reason="nobody learnt", failed_at=NOW))
    store.objects.replace(f"runs/{run.run_id}/members/002/record.json", b"torn")

    check_unfinished(store, run)
    anew = resume_run(store, run)

    assert (anew.extension, store.evaluation(anew).has_ended()) == (1, False)
    assert store.recorded_members(run.run_id) == [0, 1, 3]


def test_a_run_whose_evaluation_failed_can_be_evaluated_once_more(store, run):
    for index in range(run.members):
        cancel_member(store, run, index, "here")
    store.evaluation(run).commit_failure(
        RunFailure(requested=4, trained=3, reason="its evaluation failed", failed_at=NOW)
    )

    check_unfinished(store, run)
    with pytest.raises(InputError, match=r"has failed \(its evaluation failed\)"):
        cancel_run(store, run, "here")
    anew = resume_run(store, run)

    assert (anew.extension, anew.members) == (1, 4)
    assert store.run(run.run_id) == anew
    assert store.evaluation(anew).failure() is None


def test_a_member_that_is_cancelled_is_a_failed_record(store, run):
    store.member(run.run_id, 2).start_attempt(b"{}")

    cancel_member(store, run, 2, "here")
    cancel_member(store, run, 3, "here")

    members = [record.member for record in store.records(run.run_id, 4)]
    assert [(member.spec.index, member.attempt) for member in members] == [(2, 1), (3, 0)]
    assert all(isinstance(member, FailedMember) and member.error == "cancelled from here" for member in members)
    assert members[0].spec == plan_member(run.run_id, run.seed, 2)


def test_a_member_that_has_ended_is_not_cancelled(store, run):
    cancel_member(store, run, 2, "here")

    with pytest.raises(InputError, match=r"Member 2 of run .* has ended already"):
        cancel_member(store, run, 2, "here")


@pytest.mark.parametrize("index", [-1, 4])
def test_a_member_that_there_is_not_is_named_with_those_there_are(store, run, index):
    with pytest.raises(InputError, match=rf"has the members 0 to 3, no member {index}"):
        cancel_member(store, run, index, "here")


def test_an_extended_run_has_its_earlier_members_and_needs_the_same_share(store, run):
    extended = extend_run(store, plan_extension(run, 10, None))

    assert store.run(run.run_id) == extended
    assert (extended.members, extended.min_members, extended.extension) == (10, 8, 1)
    assert (extended.run_id, extended.seed) == (run.run_id, run.seed)


def test_a_failed_or_cancelled_run_can_be_extended(store, failed):
    cancel = Cancellation(host="here", cancelled_at=NOW)
    store.cancel_run(failed.run_id, cancel)

    extended = extend_run(store, plan_extension(failed, 6, 2))

    assert (extended.min_members, store.evaluation(extended).failure()) == (2, None)
    assert not store.is_cancelled(failed.run_id)
    assert extend_run(store, plan_extension(extended, 8, None)).extension == 2


@pytest.mark.parametrize("members", [0, 4, 100_001])
def test_a_number_of_members_that_is_not_larger_or_too_large_is_refused(run, members):
    with pytest.raises(InputError, match=rf"has 4 members: give a larger number, of at most 100,000, found {members};"):
        plan_extension(run, members, None)


def test_more_required_members_than_there_are_are_refused(run):
    with pytest.raises(InputError, match="min_members is 9, more than the 5 members"):
        plan_extension(run, 5, 9)


def test_only_one_of_two_that_extend_a_run_at_once_does(store, run):
    extend_run(store, plan_extension(run, 5, None))

    with pytest.raises(InputError, match="Somebody else has just extended run"):
        extend_run(store, plan_extension(run, 6, None))


def test_a_worker_that_is_not_there_is_named_with_those_that_are(broker_url):
    with (
        create_app(load_settings(broker=broker_url)) as app,
        pytest.raises(InputError, match=r"No connected worker is called \*@mac; connected are: none"),
    ):
        drain(app, "*@mac")


def test_a_broker_that_does_not_answer_is_named_without_its_password(free_port):
    with create_app(load_settings(broker=f"redis://:geheim@127.0.0.1:{free_port}/0")) as app:
        app.conf.broker_transport_options = {}
        with pytest.raises(BrokerError, match=rf"redis://127.0.0.1:{free_port}/0 does not answer"):
            drain(app, "*")
