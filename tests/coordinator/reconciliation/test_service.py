"""Reconciling one run until it ends, or all runs of a storage."""

from datetime import UTC, datetime

import pytest

from deepchord.coordinator.reconciliation import Reconciler, reconcile_all, reconcile_run
from deepchord.coordinator.runs import plan_request, plan_run, submit
from deepchord.shared.broker import connect
from deepchord.shared.errors import InputError, RunFailedError
from deepchord.shared.messages import AutoMembers, Cancellation, DatasetInfo, RunFailure, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import QUEUE, create_app, queued_task_ids
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from tests.coordinator.evaluated_run import evaluate

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


@pytest.fixture
def settings(broker_url: str, tmp_path) -> Settings:
    return load_settings(broker=broker_url, storage=str(tmp_path / "storage"))


@pytest.fixture
def run(store: RunStore, settings: Settings) -> RunSpec:
    """A run of three members that was submitted."""
    run = plan_run(plan_request(None, {"members": 3, "seed": 1}), TINY, DATASET, max_attempts=3, now=NOW)
    with create_app(settings) as app:
        submit(app, store, run)
    return run


def test_one_run_is_looked_after_until_it_has_ended(settings, store, run, monkeypatch):
    rounds = 0

    def pause(_: float) -> None:
        nonlocal rounds
        rounds += 1
        failure = RunFailure(requested=3, trained=0, reason="nobody learnt", failed_at=NOW)
        store.evaluation(run).commit_failure(failure)

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", pause)

    reconcile_run(settings, store, run.run_id)

    assert rounds == 1


def test_one_run_that_cannot_go_on_is_an_error(settings, store, run, monkeypatch):
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: "it is no use")

    with pytest.raises(RunFailedError, match=f"Run {run.run_id} cannot go on: it is no use"):
        reconcile_run(settings, store, run.run_id)


def test_all_runs_are_looked_after_also_those_still_to_come_and_damaged_ones_are_left_out(
    settings, store, run, monkeypatch, caplog
):
    looked: list[str] = []
    rounds = 0
    later = run.model_copy(update={"run_id": "later"})
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, found: looked.append(found.run_id))

    def pause(_: float) -> None:
        if "later" in looked:
            raise KeyboardInterrupt
        store.create_run(later)
        store.objects.create("runs/broken/run.json", b"{}")

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", pause)

    def count() -> None:
        nonlocal rounds
        rounds += 1

    with pytest.raises(KeyboardInterrupt):
        reconcile_all(settings, store, after_round=count)

    assert looked == [run.run_id, run.run_id, "later"]
    assert rounds == 2
    assert caplog.text.count("Run broken does not go on") == 1


def test_runs_with_a_broker_of_their_own_are_left_to_themselves(settings, store, run, monkeypatch):
    store.set_local(run.run_id, local=True)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: pytest.fail("it is not ours"))

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", stop)

    with pytest.raises(KeyboardInterrupt):
        reconcile_all(settings, store)


def test_a_run_with_a_broker_of_its_own_cannot_be_looked_after_from_outside(settings, store, run):
    store.set_local(run.run_id, local=True)

    with pytest.raises(InputError, match=f"embedded broker of its own.*`deepchord resume {run.run_id}`"):
        reconcile_run(settings, store, run.run_id)


def test_a_cancelled_run_needs_nobody_to_look_after_it(settings, store, run):
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=NOW))

    reconcile_run(settings, store, run.run_id)


@pytest.fixture
def growing(store: RunStore, run: RunSpec) -> RunSpec:
    """A run that asked for as many members as help, evaluated, whose command died before it added any."""
    growing = run.model_copy(update={"run_id": "growing", "auto": AutoMembers(at_most=4, least_fall=0.005)})
    store.create_run(growing)
    evaluate(store, growing, share=0.1)
    return growing


def test_a_run_whose_command_died_gets_the_members_that_help(settings, store, growing, monkeypatch):
    rounds: list[int] = []

    def pause(_: float) -> None:
        extended = store.run("growing")
        rounds.append(extended.members)
        with connect(settings) as client:
            assert "growing.member-003" in queued_task_ids(client, QUEUE)
        evaluate(store, extended, share=0.1)

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", pause)

    reconcile_run(settings, store, "growing")

    assert rounds == [4]
    assert store.run("growing").extension == 1


def test_all_runs_that_ask_for_it_get_the_members_that_help_unless_they_have_a_broker_of_their_own(
    settings, store, growing, monkeypatch
):
    local = growing.model_copy(update={"run_id": "local"})
    store.create_run(local)
    store.set_local("local", local=True)
    evaluate(store, local, share=0.1)

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", stop)

    with pytest.raises(KeyboardInterrupt):
        reconcile_all(settings, store)

    assert (store.run("growing").members, store.run("local").members) == (4, 3)
    with pytest.raises(InputError, match=r"embedded broker of its own.*`deepchord resume local`"):
        reconcile_run(settings, store, "local")


def test_two_commands_that_look_after_a_run_add_members_once(settings, store, growing, monkeypatch):
    with connect(settings) as client:
        reconciler = Reconciler(settings, store, client)
        assert reconciler.add_members(growing)
        assert reconciler.add_members(growing)
        assert not reconciler.add_members(store.run("growing"))

    assert [spec.members for spec in store.specs("growing")] == [4, 3]
