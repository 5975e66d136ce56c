"""What becomes of a message, with a real broker and storage; the engine is small, its failures are ordered."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from deepchord.shared.broker import Holder, member_lease
from deepchord.shared.errors import CorruptObjectError, DivergedError, EngineError, RunNotFoundError, StorageError
from deepchord.shared.messages import (
    AttemptFailure,
    AttemptNote,
    Cancellation,
    FailedMember,
    MemberSpec,
    RunFailure,
    RunSpec,
    TrainedMember,
)
from deepchord.shared.settings import Settings
from deepchord.shared.storage import MemberStore, RunStore, comparable_failure
from deepchord.worker.engines import Engine
from deepchord.worker.execution import handle_member
from deepchord.worker.execution.outcomes import (
    Completed,
    DeferToOthers,
    Outcome,
    Refused,
    Requeue,
    Resend,
    StorageUnavailable,
)
from deepchord.worker.resources import Resources

#: Who else is connected.
OTHERS = partial(frozenset, ["other@here"])
OTHER = Holder(worker="another", process_id=1, token="1")


class MeddlingEngine:
    """Does something at a batch of the first network that it builds, counted from 1."""

    def __init__(self, engine: Engine, batch: int, meddle: Callable[[], None], lasts: bool = False) -> None:
        self._engine, self._batch, self._meddle, self._lasts = engine, batch, meddle, lasts
        self.name, self.version, self.device, self.devices = engine.name, engine.version, engine.device, engine.devices
        self.precision = engine.precision

    def build(self, *arguments: Any) -> Any:
        network = self._engine.build(*arguments)
        train_epoch, taken = network.train_epoch, 0

        def meddling(batches: Any, *, dropout_seed: int, on_batch: Callable[[int], None]) -> Any:
            def after(batch: int) -> None:
                nonlocal taken
                taken += 1
                if taken == self._batch:
                    self._meddle()
                    while self._lasts:
                        on_batch(batch)
                        time.sleep(0.01)
                on_batch(batch)

            return train_epoch(batches, dropout_seed=dropout_seed, on_batch=after)

        network.train_epoch = meddling
        return network


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """A lease that is renewed, and asked about, several times a second."""
    return settings.model_copy(update={"lease_s": 1.0})


@pytest.fixture
def handle(resources: Resources, members: tuple[MemberSpec, ...]) -> Callable[..., Outcome]:
    def member(index: int = 0, **options: Any) -> Outcome:
        return handle_member(resources, members[index], "me@here", lambda line: None, **options)

    return member


@pytest.fixture
def meddle(resources: Resources, engine: Engine) -> Callable[[int, Callable[[], None]], None]:
    """At the given batch, of three an epoch, do something; one that lasts does until that ends the attempt."""

    def at(batch: int, what: Callable[[], None], lasts: bool = False) -> None:
        resources.engine = MeddlingEngine(engine, batch, what, lasts)

    return at


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_member_is_trained_and_nothing_is_left_but_its_record(handle, store: RunStore, run: RunSpec, resources):
    assert handle() == Completed(status="trained")

    member = store.member(run.run_id, 0).record().member
    assert isinstance(member, TrainedMember)
    assert member.parts == ()
    (attempt,) = store.member(run.run_id, 0).attempts()
    assert attempt.saved == ()
    assert resources.leases.remaining_s(member_lease(run.run_id, 0)) is None
    assert store.member(run.run_id, 0).attempt_note(1).worker == "me@here"


@pytest.mark.parametrize("why", ["fresh", "suspect", "failed here"])
def test_the_attempts_of_a_member_are_listed_once_before_the_next_one_is_begun(
    handle, died, resources: Resources, store: RunStore, run: RunSpec, monkeypatch, why
):
    if why == "suspect":
        died()
    if why == "failed here":
        resources.board.report_trouble(run.run_id, 0, "MemoryError: busy", failed_on="me@here")
    calls: list[object] = []
    attempts, start = MemberStore.attempts, MemberStore.start_attempt

    def listed(member: MemberStore) -> Any:
        if member._index == 0:
            calls.append("listed")
        return attempts(member)

    def begun(*arguments: Any) -> int:
        calls.append("begun")
        return start(*arguments)

    monkeypatch.setattr(MemberStore, "attempts", listed)
    monkeypatch.setattr(MemberStore, "start_attempt", begun)
    monkeypatch.setattr(MemberStore, "delete_epochs", lambda *_: None)  # it lists them, too

    assert handle(others=frozenset) == Completed(status="trained")
    assert calls == ["listed", "begun"]


def test_a_member_that_somebody_else_trains_is_looked_at_again_when_its_lease_would_have_ended(
    handle, resources: Resources, store: RunStore, run: RunSpec
):
    resources.leases.hold(member_lease(run.run_id, 0), OTHER, 20)

    outcome = handle()

    assert isinstance(outcome, Resend)
    assert 19 < outcome.after_s < 22
    assert store.member(run.run_id, 0).attempts() == ()


def test_a_cancelled_run_is_not_begun(handle, store: RunStore, run: RunSpec):
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=run.created_at))

    assert handle() == Completed(status=None)
    assert store.member(run.run_id, 0).attempts() == ()


def test_a_run_that_is_cancelled_stops_at_the_next_batch_and_goes_on_later(
    handle, meddle, quick, resources: Resources, store: RunStore, run: RunSpec, engine
):
    resources.settings = quick

    def cancel() -> None:
        store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=run.created_at))

    meddle(8, cancel, lasts=True)  # the second batch of the third epoch

    assert handle() == Completed(status=None)

    assert store.member(run.run_id, 0).record() is None
    (attempt,) = store.member(run.run_id, 0).attempts()
    assert [saved.epoch for saved in attempt.saved] == [1, 2]
    store.resume_run(run.run_id)
    resources.engine = engine
    assert handle() == Completed(status="trained")
    assert [part.epochs for part in store.member(run.run_id, 0).record().member.parts] == [2, 3]


def test_a_member_whose_record_appears_meanwhile_is_left(
    handle, meddle, quick, resources: Resources, store: RunStore, run: RunSpec, members
):
    from deepchord.worker.execution.member_attempt import fail_member

    resources.settings = quick

    def commit() -> None:
        fail_member(resources, members[0], 1, "cancelled")

    meddle(2, commit, lasts=True)

    assert isinstance(handle(), Resend)
    assert handle() == Completed(status="failed")


def test_a_worker_that_is_told_to_stop_hands_its_member_over_at_the_next_batch(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec
):
    meddle(5, resources.leaving.set)

    assert isinstance(handle(), Requeue)

    (attempt,) = store.member(run.run_id, 0).attempts()
    assert attempt.handed_over
    assert [saved.epoch for saved in attempt.saved] == [1]
    assert resources.leases.remaining_s(member_lease(run.run_id, 0)) is None
    assert isinstance(handle(), Requeue)  # it takes no other one
    assert len(store.member(run.run_id, 0).attempts()) == 1


def test_an_attempt_that_fails_is_followed_by_one_that_goes_on_where_it_stopped(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine
):
    meddle(10, raising(EngineError("the driver hung")))  # the first batch of the fourth epoch

    assert isinstance(handle(), Resend)

    assert resources.board.troubles(run.run_id) == {0: "EngineError: the driver hung"}
    assert set(resources.leases.held_members(run.run_id, [0])) == {0}  # it rests
    resources.engine = engine
    assert handle() == Completed(status="trained")
    member = store.member(run.run_id, 0).record().member
    assert [(part.attempt, part.epochs, part.optimizer_continued) for part in member.parts] == [
        (1, 3, False),
        (2, 2, True),
    ]


def test_a_resumed_member_ends_with_the_same_weights_as_one_that_was_never_cut_short(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine, members
):
    meddle(8, raising(EngineError("cut short")))
    handle()
    resources.engine = engine
    handle()
    resumed = store.member(run.run_id, 0).record().member
    other = run.model_copy(update={"run_id": "20260101-000000-1a7e"})
    store.create_run(other)

    handle_member(resources, members[0].model_copy(update={"run_id": other.run_id}), "me", lambda line: None)

    whole = store.member(other.run_id, 0).record().member
    assert whole.parts == ()
    assert resumed.weights_sha256 == whole.weights_sha256
    assert resumed.probabilities_sha256 == whole.probabilities_sha256
    losses = [[metrics.train_loss for metrics in member.history] for member in (resumed, whole)]
    assert losses[0] == losses[1]


def test_another_engine_goes_on_from_the_weights_with_an_optimizer_of_its_own(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine
):
    meddle(5, raising(EngineError("cut short")))
    handle()
    del resources.__dict__["trainer"]
    resources.engine = MeddlingEngine(engine, 0, lambda: None)
    resources.engine.name = "another"

    assert handle() == Completed(status="trained")

    parts = store.member(run.run_id, 0).record().member.parts
    assert [(part.trainer.engine, part.optimizer_continued) for part in parts] == [("numpy", False), ("another", False)]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"torn"), lambda path: path.unlink()])
def test_a_state_that_is_torn_or_gone_is_passed_over_for_the_one_before(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine, damage, tmp_path
):
    meddle(10, raising(EngineError("cut short")))
    handle()
    newest = sorted((tmp_path / "storage").glob("**/epochs/*.npz"))[-1]
    assert newest.name.startswith("000003-")
    damage(newest)
    resources.engine = engine

    assert handle() == Completed(status="trained")

    assert [part.epochs for part in store.member(run.run_id, 0).record().member.parts] == [2, 3]


def test_a_state_that_cannot_be_saved_is_noted_and_training_goes_on(
    handle, resources: Resources, store: RunStore, run: RunSpec, monkeypatch
):
    def full(*_: Any) -> None:
        raise StorageError("no space left", permanent=True)

    monkeypatch.setattr(MemberStore, "save_epoch", full)

    assert handle() == Completed(status="trained")
    assert resources.board.troubles(run.run_id)[0] == "epoch 5 was not saved, training goes on: no space left"


def test_only_the_last_two_states_of_an_attempt_are_kept(handle, meddle, store: RunStore, run: RunSpec):
    meddle(13, raising(EngineError("cut short")))

    handle()

    (attempt,) = store.member(run.run_id, 0).attempts()
    assert [saved.epoch for saved in attempt.saved] == [3, 4]


def test_a_member_that_always_fails_is_a_failed_record_in_the_end(handle, meddle, store: RunStore, run: RunSpec):
    meddle(1, raising(EngineError("again")))

    assert isinstance(handle(), Resend)
    meddle(1, raising(EngineError("and again")))
    assert handle() == Completed(status="failed")

    member = store.member(run.run_id, 0).record().member
    assert isinstance(member, FailedMember)
    assert (member.attempt, member.error) == (2, "EngineError: and again")


def test_a_member_that_failed_here_is_left_to_another_worker_if_there_is_one(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine, members
):
    meddle(1, raising(EngineError("not here")))
    handle()
    resources.engine = engine

    assert isinstance(handle(others=OTHERS), DeferToOthers)
    assert len(store.member(run.run_id, 0).attempts()) == 1
    other = handle_member(resources, members[0], "other@here", lambda line: None, OTHERS)
    assert other == Completed(status="trained")


def test_a_member_that_failed_on_every_worker_is_tried_here_again(handle, meddle, patient, resources, members, engine):
    meddle(1, raising(MemoryError("busy")))
    handle(others=OTHERS)
    meddle(1, raising(MemoryError("busy")))
    assert isinstance(handle_member(resources, members[0], "other@here", lambda line: None, OTHERS), Resend)
    resources.engine = engine

    third = partial(frozenset, ["other@here", "third@here"])
    assert isinstance(handle(others=third), DeferToOthers)
    assert handle(others=OTHERS) == Completed(status="trained")


def test_a_member_is_left_to_a_worker_that_never_takes_it_so_often_and_not_for_ever(
    handle, meddle, resources: Resources, run: RunSpec, engine, monkeypatch
):
    monkeypatch.setattr("deepchord.worker.execution.failure_policy.MAX_DEFERRALS", 3)
    meddle(1, raising(EngineError("not here")))
    handle()
    resources.engine = engine

    pauses = [handle(others=OTHERS).pause_s for _ in range(3)]

    assert [wait / 2**times for times, wait in enumerate(pauses)] == [pytest.approx(1.0, abs=0.5)] * 3
    assert resources.board.times_deferred(run.run_id, 0, "me@here") == 3
    assert handle(others=OTHERS) == Completed(status="trained")
    assert resources.board.times_deferred(run.run_id, 0, "me@here") == 0


def test_a_member_that_failed_here_is_tried_again_if_nobody_else_is_there(handle, meddle, resources, engine):
    meddle(1, raising(EngineError("not here")))
    handle()
    resources.engine = engine

    assert handle(others=frozenset) == Completed(status="trained")


def test_a_member_of_a_run_that_is_not_in_this_storage_is_refused(
    resources: Resources, members: tuple[MemberSpec, ...]
):
    elsewhere = members[0].model_copy(update={"run_id": "20260101-000000-dead"})

    refused = handle_member(resources, elsewhere, "me", lambda line: None)

    assert isinstance(refused, Refused)
    assert isinstance(refused.error, RunNotFoundError)


@pytest.mark.parametrize("method", ["saved_epoch", "publish_weights", "publish_probabilities"])
def test_a_storage_that_gives_or_takes_nothing_costs_a_member_no_attempt_and_no_epoch(
    handle, meddle, resources: Resources, store: RunStore, run: RunSpec, engine, monkeypatch, method
):
    meddle(10, raising(EngineError("cut short")))
    handle()
    resources.engine = engine

    def away(*_: Any) -> bytes:
        raise StorageError("away", permanent=True)

    with monkeypatch.context() as patched:
        patched.setattr(MemberStore, method, away)
        for _ in range(run.max_attempts + 1):
            outcome = handle()
            assert isinstance(outcome, StorageUnavailable)
            assert str(outcome.error) == "away"

    assert handle() == Completed(status="trained")
    assert store.member(run.run_id, 0).record().member.parts[0].epochs == 3
    assert [attempt.handed_over for attempt in store.member(run.run_id, 0).attempts()] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_weights_that_are_damaged_in_storage_are_a_failure_of_the_member(
    handle, meddle, store: RunStore, run: RunSpec, monkeypatch
):
    for _ in range(run.max_attempts):
        meddle(1, raising(CorruptObjectError("the data set is damaged")))
        handle()

    assert store.member(run.run_id, 0).record().member.error == "CorruptObjectError: the data set is damaged"


@pytest.fixture
def failing(resources: Resources, members, meddle) -> Callable[..., Outcome]:
    """Let a worker fail at the first batch of a member."""

    def fail(worker: str, index: int, error: Exception) -> Outcome:
        meddle(1, raising(error))
        both = partial(frozenset, {"me@here", "other@here"} - {worker})
        return handle_member(resources, members[index], worker, lambda line: None, both)

    return fail


def test_data_that_two_workers_cannot_use_end_the_run_and_nothing_is_begun_any_more(
    handle, failing, store: RunStore, run: RunSpec
):
    damaged = CorruptObjectError("datasets/0.npz is damaged. Publish it again.")

    assert isinstance(failing("me@here", 0, damaged), Resend)
    assert store.evaluation(run).failure() is None
    assert failing("other@here", 1, damaged) == Completed(status=None)

    failure = store.evaluation(run).failure()
    assert (failure.requested, failure.trained) == (3, 0)
    assert failure.reason == (
        "the recipe or the data is at fault, for it failed in the same way on two workers before any epoch was done: "
        "CorruptObjectError: datasets/0.npz is damaged. Publish it again"
    )
    assert [handle(index) for index in range(3)] == [Completed(status=None)] * 3
    assert {index: len(attempts) for index, attempts in store.attempts_by_member(run.run_id).items()} == {0: 1, 1: 1}
    assert store.recorded_members(run.run_id) == []


def test_a_recipe_of_which_every_member_diverges_ends_the_run(failing, store: RunStore, run: RunSpec):
    nan = DivergedError("the loss became nan")

    failing("me@here", 0, nan)
    failing("other@here", 1, nan)
    assert store.evaluation(run).failure() is None  # the third may have better luck with its start
    failing("me@here", 2, nan)

    assert (
        "two workers before any epoch was done: DivergedError: the loss became nan"
        in store.evaluation(run).failure().reason
    )


def test_memory_that_every_worker_lacks_ends_the_run_without_a_word_of_recipe_or_data(
    failing, patient, store: RunStore, run: RunSpec
):
    for index in range(3):
        assert isinstance(failing("me@here", index, MemoryError("busy")), Resend)
    for index in range(3):
        assert store.evaluation(run).failure() is None
        failing("other@here", index, MemoryError("busy"))

    assert (
        store.evaluation(run).failure().reason
        == "every worker fails in the same way before the first epoch: MemoryError: busy"
    )
    assert store.recorded_members(run.run_id) == []


def test_a_member_that_diverges_on_two_workers_is_failed_beside_one_that_was_trained(
    handle, failing, engine, patient, resources: Resources, store: RunStore, run: RunSpec
):
    assert handle(2) == Completed(status="trained")

    failing("me@here", 0, DivergedError("nan"))
    assert failing("other@here", 0, DivergedError("nan")) == Completed(status="failed")

    assert store.evaluation(run).failure() is None
    assert store.member(run.run_id, 0).record().member.error == "DivergedError: nan"
    assert len(store.member(run.run_id, 0).attempts()) == 2


def test_what_is_under_way_stops_when_the_run_fails(
    handle, meddle, quick, resources: Resources, store: RunStore, run: RunSpec
):
    resources.settings = quick

    def end() -> None:
        store.evaluation(run).commit_failure(
            RunFailure(requested=3, trained=0, reason="damaged", failed_at=datetime.now(UTC))
        )

    meddle(2, end, lasts=True)

    assert handle() == Completed(status=None)
    assert [attempt.handed_over for attempt in store.member(run.run_id, 0).attempts()] == [True]


def test_how_an_attempt_failed_is_noted_beside_it(failing, store: RunStore, run: RunSpec, tmp_path):
    failing("me@here", 0, MemoryError("12 MiB are missing"))

    (note,) = (tmp_path / "storage").glob("runs/*/members/000/attempts/001/failures/*.json")
    found = AttemptFailure.decode(note.read_bytes(), "the note")
    assert (found.worker, found.way) == ("me@here", "MemoryError: # MiB are missing")
    assert found.error == "MemoryError: 12 MiB are missing"
    (attempt,) = store.member(run.run_id, 0).attempts()
    assert attempt.failure == comparable_failure(found.worker, found.way)


@pytest.fixture
def died(store: RunStore, run: RunSpec) -> Callable[..., None]:
    """Leave an attempt at a member as a process does that died some minutes ago."""

    def leave(index: int = 0, worker: str = "me@here", minutes: int = 1) -> int:
        begun = datetime.now(UTC) - timedelta(minutes=minutes)
        note = AttemptNote(host="here", worker=worker, process_id=1, started_at=begun)
        return store.member(run.run_id, index).start_attempt(note.encode())

    return leave


@pytest.fixture
def patient(resources: Resources, run: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let members have an attempt more."""
    monkeypatch.setattr(resources.store, "run", lambda _: run.model_copy(update={"max_attempts": 3}))


@pytest.mark.parametrize("other", [0, 2])
@pytest.mark.usefixtures("patient")
def test_a_worker_that_saved_no_epoch_twice_or_for_two_members_defers_to_others(handle, died, other):
    died()
    died(other)

    assert isinstance(handle(others=OTHERS), DeferToOthers)
    assert handle(others=frozenset) == Completed(status="trained")


@pytest.mark.usefixtures("patient")
def test_a_worker_whose_process_died_once_goes_on_with_the_member(handle, died):
    died()

    assert handle(others=OTHERS) == Completed(status="trained")


@pytest.mark.parametrize("why", ["of another", "long ago", "saved", "handed over", "recorded"])
@pytest.mark.usefixtures("patient")
def test_only_recent_failures_count_against_a_worker(handle, died, store: RunStore, run: RunSpec, why):
    died()
    attempt = died(1, worker="other@here" if why == "of another" else "me@here", minutes=31 if why == "long ago" else 1)
    if why == "saved":
        store.member(run.run_id, 1).save_epoch(attempt, 1, b"state")
    if why == "handed over":
        store.member(run.run_id, 1).hand_over(attempt)
    if why == "recorded":
        assert handle(1, others=frozenset) == Completed(status="trained")

    assert handle(others=OTHERS) == Completed(status="trained")


def test_without_a_broker_nobody_gives_up_a_member_that_another_may_be_training(
    resources: Resources, store: RunStore, run: RunSpec, members, free_port: int, monkeypatch
):
    monkeypatch.setattr("deepchord.worker.execution.guarding.lease_renewal._WAITS_S", (0.01,))
    for _ in range(2):
        store.member(run.run_id, 0).start_attempt(b"{}")
    cut_off = resources.settings.model_copy(update={"broker": f"redis://127.0.0.1:{free_port}/0"})

    outcome = handle_member(Resources(cut_off), members[0], "me", lambda line: None)

    assert isinstance(outcome, Resend)
    assert store.member(run.run_id, 0).record() is None


def test_an_attempt_that_was_cancelled_or_overtaken_does_not_count(
    handle, meddle, quick, resources: Resources, store: RunStore, run: RunSpec
):
    resources.settings = quick

    def overtake() -> None:
        name = member_lease(run.run_id, 0)
        resources.leases.hold(name, OTHER, 60, instead_of=resources.leases.hold(name, OTHER, 1))

    meddle(2, overtake, lasts=True)

    assert isinstance(handle(), Resend)
    (attempt,) = store.member(run.run_id, 0).attempts()
    assert attempt.handed_over
