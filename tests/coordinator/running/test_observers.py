"""Observers of runs that are followed or reconciled."""

from datetime import UTC, datetime, timedelta

import pytest

from deepchord.coordinator.monitoring import RunView, run_inspector
from deepchord.coordinator.notification import occasions
from deepchord.coordinator.reconciliation import Reconciler, reconcile_all
from deepchord.coordinator.running import Observers, observing, showing_reconciled_runs
from deepchord.coordinator.runs import submit
from deepchord.shared.errors import InputError, RunFailedError
from deepchord.shared.messages import RunFailure
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from tests.coordinator.followed_run import published_run
from tests.webhooks import receiving


def failure(ago: timedelta = timedelta()) -> RunFailure:
    return RunFailure(requested=2, trained=0, reason="nobody learnt", failed_at=datetime.now(UTC) - ago)


def test_without_any_observer_views_pass_unchanged(store):
    run = published_run(store)
    views = [RunView(run=run), RunView(run=run, failure=failure())]

    with observing(load_settings(), store) as observers:
        assert not observers
        assert list(observers.follow(views)) == views


def test_an_address_that_is_none_is_refused_before_anything_begins(store):
    with pytest.raises(InputError, match="Tracker 1 is of an unknown kind, expected mlflow:URI"):
        Observers(load_settings(track=["wandb:project"]), store)


def test_who_follows_a_run_tells_its_end_and_the_error_that_ends_the_following(store):
    run = published_run(store)

    def broken():
        yield RunView(run=run)
        raise RunFailedError("it is no use")

    with receiving() as receiver:
        settings = load_settings(notify=[receiver.url])
        with observing(settings, store) as observers, pytest.raises(RunFailedError):
            list(observers.follow(broken()))
        with observing(settings, store) as observers:
            list(observers.follow([RunView(run=run), RunView(run=run, failure=failure())]))

    assert receiver.events == ["stalled", "failed"]


def test_who_reconciles_all_runs_tells_of_each_what_is_new(store, broker_url, monkeypatch, tmp_path):
    monkeypatch.setattr(occasions, "_LASTING_S", 0.0)
    monkeypatch.setattr(run_inspector, "_ASK_EVERY_S", 3600.0)
    settings = load_settings(broker=broker_url, storage=str(tmp_path / "storage"))
    template = published_run(store)
    waiting, stuck, failed, old = (
        template.model_copy(update={"run_id": name, "created_at": datetime.now(UTC) - timedelta(hours=1)})
        for name in ("waiting", "stuck", "failed", "old")
    )
    with create_app(settings) as app:
        for run in (waiting, stuck):
            submit(app, store, run)
    for run, end in ((failed, failure()), (old, failure(timedelta(days=2)))):
        store.create_run(run)
        store.evaluation(run).commit_failure(end)
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, run: "it is no use" if run.run_id == "stuck" else None)
    rounds = 0

    def pause(_: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("deepchord.coordinator.reconciliation.service.time.sleep", pause)
    with receiving() as receiver:
        told = settings.model_copy(update={"notify": (receiver.url,)})
        with observing(told, store) as observers:
            observe = showing_reconciled_runs(told, store, observers)
            with pytest.raises(KeyboardInterrupt):
                reconcile_all(told, store, observe=observe)

    found = {(request.json["run_id"], request.json["event"]): request.json["message"] for request in receiver.requests}
    assert found == {
        ("waiting", "no_workers"): "Run waiting does not go on: no worker is connected to this broker: "
        "`deepchord worker` starts one.",
        ("stuck", "no_workers"): "Run stuck does not go on: no worker is connected to this broker: "
        "`deepchord worker` starts one.",
        ("stuck", "stalled"): "Run stuck does not go on: it is no use.",
        ("failed", "failed"): "Run failed failed: nobody learnt.",
    }
    assert len(receiver.requests) == len(found)
