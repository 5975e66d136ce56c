"""Why a run stands still, as its views show it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from deepchord.coordinator.monitoring import following, run_supervisor, stall_diagnosis, watch_run
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.shared.broker import WorkerInfo, WorkerRegistry
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from tests.coordinator.followed_run import commit, published_run


def waiting_worker(name: str, waits_for: str | None) -> WorkerInfo:
    return WorkerInfo(
        worker=name, name=name, host="box", engine="jax", device=None, device_kind=None, version="0.1.0",
        protocol=PROTOCOL, process_id=1, started_at=datetime(2026, 1, 1, tzinfo=UTC), waits_for=waits_for,
    )  # fmt: skip


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    return published_run(store)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state")


def test_while_the_workers_of_this_machine_start_that_is_said(settings, store, run):
    seen = watch_run(settings, store, run, embedded=True)
    waiting = next(seen)
    commit(store, run, 0)

    assert str(waiting.stall_reason).startswith("the workers on this machine are starting")
    assert next(seen).stall_reason is None


def test_a_run_with_a_broker_of_its_own_that_is_not_here_says_at_once_how_to_go_on(settings, store, run):
    assert next(watch_run(settings, store, run)).stall_reason is None
    store.set_local(run.run_id, local=True)

    view = next(watch_run(settings, store, run))

    assert not view.live
    assert "if it is gone, `deepchord resume` goes on" in view.stall_reason


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_a_run_that_its_last_worker_has_left_says_so(settings, store, run, broker_url, monkeypatch, members):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    for index in range(members):
        commit(store, run, index)

    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run)

    *looks, last = (next(seen) for _ in range(4))
    assert {view.state for view in (*looks, last)} == {"training" if members == 1 else "evaluating"}
    assert [view.stall_reason for view in looks] == [None, None, None]
    assert last.stall_reason == "no worker is connected to this broker any more: `deepchord worker` starts one"
    with redis.Redis.from_url(broker_url) as client:
        for number, waits_for in enumerate(("until 19:00", "until the machine is free: load of others 0.8", None)):
            WorkerRegistry(client).register(waiting_worker(f"w{number}@box", waits_for))
        listed = "w0@box waits until 19:00; w1@box waits until the machine is free: load of others 0.8"
        assert next(seen).stall_reason == listed

    commit(store, run, 1)
    if members == 1:
        assert next(seen).stall_reason is None


@pytest.mark.slow
@pytest.mark.parametrize(("members", "embedded", "told"), [(1, False, True), (1, True, False), (2, False, False)])
def test_any_worker_may_evaluate_what_few_may_train(
    settings, store, run, broker_url, monkeypatch, members, embedded, told
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(run_supervisor, "served_queues", lambda _: {"box": frozenset({QUEUE})})
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    for index in range(members):
        commit(store, run, index)

    run = run.model_copy(update={"require": "gpu"})
    monkeypatch.setattr(RunStore, "run", lambda *_: run)
    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run, embedded=embedded)

    *_, last = (next(seen) for _ in range(4))
    assert ("no connected worker serves --require gpu" in (last.stall_reason or "")) is told


@pytest.mark.slow
def test_a_run_whose_broker_takes_nothing_any_more_says_so_until_it_does(
    settings, store, run, full_broker_url, monkeypatch
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(stall_diagnosis, "_TAKEN_WITHIN_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    seen = watch_run(settings.model_copy(update={"broker": full_broker_url}), store, run)

    *_, full = (next(seen) for _ in range(2))
    with redis.Redis.from_url(full_broker_url) as client:
        client.config_set("maxmemory", 0)
    *_, free = (next(seen) for _ in range(2))

    assert (full.stall_reason or "").startswith("the broker has no memory left")
    assert free.stall_reason == "no worker is connected to this broker: `deepchord worker` starts one"
