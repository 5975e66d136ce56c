"""A run that is followed is kept going, on its own broker if it has one."""

import sys
from pathlib import Path

import pytest

from deepchord.coordinator.local import local_session
from deepchord.coordinator.monitoring import following, watch_run
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.shared.broker import KEY_PREFIX, ProgressBoard, connect_lazily
from deepchord.shared.errors import RunFailedError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from tests.coordinator.followed_run import IDLE_WORKER, published_run


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    return published_run(store)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state")


@pytest.mark.slow
@pytest.mark.parametrize("note", ["RunNotFoundError: There is no run here.", None])
def test_a_run_whose_members_are_sent_in_vain_ends_instead_of_waiting_for_ever(
    settings, store, run, broker_url, monkeypatch, note
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(following, "_MIN_PAUSE_S", 0.2)
    settings = settings.model_copy(update={"broker": broker_url, "lease_s": 0.3})
    with connect_lazily(settings) as client:
        if note:
            ProgressBoard(client).report_trouble(run.run_id, 1, note)

        def lose() -> None:
            client.delete(f"{KEY_PREFIX}{QUEUE}")

        with pytest.raises(RunFailedError) as caught:
            list(watch_run(settings, store, run, lose))

    assert f"Run {run.run_id} cannot go on: its members 0, 1 were sent 3 times in vain" in str(caught.value)
    assert (f"member 1: {note}" if note else "the logs of the workers tell more") in str(caught.value)
    assert "Do all workers see the same storage as this command?" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("embedded", [True, False])
def test_a_run_with_a_broker_of_its_own_is_looked_after_by_nobody_else(
    settings, store, run, broker_url, monkeypatch, embedded
):
    looked: list[str] = []
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, found: looked.append(found.run_id))
    store.set_local(run.run_id, local=True)

    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run, embedded=embedded)

    first, second = next(seen), next(seen)
    assert first.live
    assert second.live
    assert looked == ([run.run_id] if embedded else [])
    assert ("`deepchord resume` goes on" in (second.stall_reason or "")) is not embedded


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_run_that_somebody_resumes_meanwhile_is_watched_on_its_own_broker(settings, store, run, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    store.set_local(run.run_id, local=True)
    seen = watch_run(settings, store, run)
    assert not next(seen).live

    with local_session(settings, run_id=run.run_id, worker_command=IDLE_WORKER):
        looks = [next(seen) for _ in range(3)]
    gone = [next(seen) for _ in range(3)]

    assert (looks[-1].live, looks[-1].stall_reason) == (True, None)
    assert not gone[-1].live
    assert "`deepchord resume` goes on" in gone[-1].stall_reason


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_local_run_that_somebody_resumes_on_a_fleet_is_watched_there(settings, store, run, broker_url, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    looked: list[str] = []
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, found: looked.append(found.run_id))
    store.set_local(run.run_id, local=True)
    with local_session(settings, run_id=run.run_id, worker_command=IDLE_WORKER):
        seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run)
        assert [next(seen).stall_reason for _ in range(3)] == [None, None, None]
    gone = [next(seen) for _ in range(3)][-1]
    assert (gone.live, looked) == (False, [])
    assert "`deepchord resume` goes on" in gone.stall_reason

    store.set_local(run.run_id, local=False)
    resumed = [next(seen) for _ in range(4)][-1]

    assert resumed.live
    assert "resume" not in (resumed.stall_reason or "")
    assert run.run_id in looked
