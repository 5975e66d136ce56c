"""The task of a member and its message, with a real broker and storage; what is resent is handled at once."""

from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import (
    EngineError,
    MessageDecodeError,
    OtherVersionError,
    RunNotFoundError,
    SignatureError,
    StorageError,
)
from deepchord.shared.messages import FailedMember, MemberSpec, RunSpec, TrainedMember
from deepchord.shared.queue import TRAIN_MEMBER, create_app, sign
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import MemberStore, RunStore
from deepchord.worker.resources import Resources
from deepchord.worker.tasks import register_tasks

pytestmark = pytest.mark.usefixtures("pauses")


def test_a_member_is_trained_and_says_so_in_a_few_words(
    train: Callable, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    assert train(members[0]) == {"run_id": run.run_id, "index": 0, "status": "trained"}

    assert isinstance(store.member(run.run_id, 0).record().member, TrainedMember)
    assert len(store.member(run.run_id, 0).attempts()) == 1


def test_a_member_that_has_a_record_is_not_trained_again(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    train(members[0])
    record = store.member(members[0].run_id, 0).record()
    engine = fails()

    train(members[0])

    assert engine.built == 0
    assert store.member(members[0].run_id, 0).record() == record
    assert len(store.member(members[0].run_id, 0).attempts()) == 1


def test_a_failed_attempt_is_followed_by_another_and_noted(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...], fails: Callable
):
    fails(EngineError("the driver hung"))

    assert train(members[0])["status"] == "trained"

    member = resources.store.member(members[0].run_id, 0).record().member
    assert member.attempt == 2
    assert resources.board.troubles(members[0].run_id) == {0: "EngineError: the driver hung"}


def test_a_member_that_fails_in_every_attempt_is_a_record_with_the_last_error(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    engine = fails(EngineError("first"), MemoryError("second"), EngineError("third"))

    assert train(members[1])["status"] == "failed"

    member = store.member(members[1].run_id, 1).record().member
    assert isinstance(member, FailedMember)
    assert (member.error, member.attempt) == ("MemoryError: second", 2)
    assert engine.built == 2
    assert len(store.member(members[1].run_id, 1).attempts()) == 2


def test_attempts_are_bounded_over_all_workers_and_messages(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    store.member(members[0].run_id, 0).start_attempt(b"another worker")
    engine = fails(EngineError("here too"), EngineError("never reached"))

    assert train(members[0])["status"] == "failed"

    assert engine.built == 1
    assert store.member(members[0].run_id, 0).record().member.error == "EngineError: here too"


def test_a_member_whose_process_died_in_each_attempt_fails_without_another(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    for _ in range(2):
        store.member(members[0].run_id, 0).start_attempt(b"killed")
    engine = fails()

    assert train(members[0])["status"] == "failed"

    member = store.member(members[0].run_id, 0).record().member
    assert engine.built == 0
    assert "its last 2 attempts ended without an error" in member.error
    assert member.attempt == 2


def test_a_worker_that_cannot_open_its_engine_leaves_a_failed_record_in_the_end(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...]
):
    class BrokenEngine:
        @property
        def name(self) -> str:
            raise EngineError("No engine is installed in this environment")

    resources.engine = BrokenEngine()

    assert train(members[0])["status"] == "failed"

    member = resources.store.member(members[0].run_id, 0).record().member
    assert member.trainer is None
    assert member.error == "EngineError: No engine is installed in this environment"


def test_a_member_of_a_run_that_is_not_in_this_storage_is_tried_again_and_then_an_error(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...]
):
    elsewhere = members[0].model_copy(update={"run_id": "20260101-000000-dead"})

    with pytest.raises(RunNotFoundError, match="no run '20260101-000000-dead'"):
        train(elsewhere)

    assert "no run '20260101-000000-dead'" in resources.board.troubles("20260101-000000-dead")[0]


def test_a_run_that_appears_late_is_trained_after_all(
    train: Callable,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    members: tuple[MemberSpec, ...],
    monkeypatch: pytest.MonkeyPatch,
):
    late = run.model_copy(update={"run_id": "20260101-000000-1a7e"})
    report = resources.board.report_trouble

    def report_and_create(*arguments: Any, **options: Any) -> None:
        report(*arguments, **options)
        store.create_run(late)

    monkeypatch.setattr(resources.board, "report_trouble", report_and_create)

    assert train(members[0].model_copy(update={"run_id": late.run_id}))["status"] == "trained"


def test_a_member_whose_storage_is_unavailable_comes_again_a_few_times_whoever_else_is_there(
    app: Celery,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    members: tuple[MemberSpec, ...],
    monkeypatch,
    others_are,
):
    def full(*_: Any) -> None:
        raise StorageError("no space left", permanent=True)

    monkeypatch.setattr(MemberStore, "publish_weights", full)
    others_are("other@here")
    task, message = app.tasks[TRAIN_MEMBER], members[0].model_dump(mode="json")

    assert task.apply(args=[message]).state == "IGNORED"
    resources.board._client.delete(f"{KEY_PREFIX}failed-on:{run.run_id}:0")
    with pytest.raises(StorageError, match="no space left"):
        task.apply(args=[message], retries=2).get()

    assert store.member(run.run_id, 0).record() is None
    assert [attempt.handed_over for attempt in store.member(run.run_id, 0).attempts()] == [True, True]


def test_a_message_that_is_none_is_refused_by_name(app: Celery):
    with pytest.raises(MessageDecodeError, match=r"Message of task .*unknown option 'model'"):
        app.tasks[TRAIN_MEMBER].apply(args=[{"run_id": "x", "model": 1}]).get()


def test_a_message_of_another_version_is_left_to_others_and_then_refused_with_both_versions(
    perform: Callable[..., Any], resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]
):
    message = {**members[0].model_dump(mode="json"), "protocol": 2, "version": "7.8.9"}

    with pytest.raises(OtherVersionError, match=r"deepchord 7\.8\.9 \(protocol 2\), but this is .* \(protocol 1\)"):
        perform(TRAIN_MEMBER, message)

    assert resources.store.member(run.run_id, 0).attempts() == ()
    assert "7.8.9" in resources.board.troubles(run.run_id)[0]


@pytest.mark.parametrize(
    ("signature", "why"),
    [(None, "is not signed"), ("0" * 64, "another DEEPCHORD_SIGNING_KEY"), ("\u00e9", "another DEEPCHORD_SIGNING_KEY")],
)
def test_a_worker_with_a_key_refuses_what_is_not_signed_with_it(
    app: Celery, resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...], monkeypatch, signature, why
):
    monkeypatch.setattr(resources, "settings", resources.settings.model_copy(update={"signing_key": "k" * 16}))
    message = members[0].model_dump(mode="json")

    result = app.tasks[TRAIN_MEMBER].apply(args=[message, signature], retries=2)

    with pytest.raises(SignatureError, match=why):
        result.get()
    assert resources.store.member(run.run_id, 0).attempts() == ()


def test_a_worker_with_a_key_trains_what_is_signed_with_it(
    app: Celery, resources: Resources, members: tuple[MemberSpec, ...], monkeypatch
):
    monkeypatch.setattr(resources, "settings", resources.settings.model_copy(update={"signing_key": "k" * 16}))
    message = members[0].model_dump(mode="json")

    result = app.tasks[TRAIN_MEMBER].apply(args=[message, sign("k" * 16, message)])

    assert result.get()["status"] == "trained"


def test_a_member_is_trained_to_its_end_while_the_broker_is_away(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...], free_port: int
):
    settings = load_settings(
        broker=f"redis://127.0.0.1:{free_port}/0", storage=resources.settings.storage, cache=resources.settings.cache
    )
    cut_off = Resources(settings)
    cut_off.engine = resources.engine
    app = create_app(settings)
    register_tasks(app, cut_off)

    app.tasks[TRAIN_MEMBER].apply(args=[members[0].model_dump(mode="json")]).get()

    member = store.member(run.run_id, 0).record().member
    assert (member.status, member.attempt) == ("trained", 1)


def test_an_epoch_is_an_event_that_flower_shows(app: Celery, train: Callable, members: tuple[MemberSpec, ...]):
    events: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-progress": events.append})
        consumer = receiver.itercapture(limit=5, timeout=60, wakeup=False)
        next(consumer)  # it listens

        app.tasks[TRAIN_MEMBER].apply(args=[members[0].model_dump(mode="json")], task_id="the-task").get()
        for _ in consumer:
            if len(events) == 5:
                break

    assert {event["uuid"] for event in events} == {"the-task"}
    assert [event["result"].split()[1] for event in events] == [f"{number}/5" for number in range(1, 6)]
