"""Views of a run until it has ended."""

import sys
from pathlib import Path

import pytest

from deepchord.coordinator.local import local_session
from deepchord.coordinator.monitoring import RunView, following, raise_if_failed, view_run, watch_run
from deepchord.coordinator.monitoring.plain_view import changes
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.coordinator.runs import next_extension
from deepchord.shared.errors import RunCancelledError, RunFailedError, StorageError, WorkersStoppedError
from deepchord.shared.messages import AutoMembers, Cancellation, RunSpec
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from tests.coordinator.evaluated_run import evaluate
from tests.coordinator.followed_run import IDLE_WORKER, NOW, commit, fail, published_run


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    return published_run(store)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state")


def test_a_run_is_seen_again_and_again_until_it_has_ended(settings, store, run):
    seen = watch_run(settings, store, run)
    states = [next(seen).state, next(seen).state]
    commit(store, run, 0)
    states.append(next(seen).state)
    fail(store, run)

    assert [*states, *(view.state for view in seen)] == ["waiting", "waiting", "training", "failed"]


def test_between_two_views_is_checked_whether_waiting_is_of_use(settings, store, run):
    def stop() -> None:
        raise WorkersStoppedError("nobody is left")

    seen = watch_run(settings, store, run, stop)

    assert next(seen).state == "waiting"
    with pytest.raises(WorkersStoppedError, match="nobody is left"):
        next(seen)


def test_a_run_that_its_last_worker_ended_before_it_stopped_is_at_its_end(settings, store, run):
    def stop() -> None:
        fail(store, run)
        raise WorkersStoppedError("nobody is left")

    assert [view.state for view in watch_run(settings, store, run, stop)] == ["waiting", "failed"]


def test_storage_that_is_away_does_not_hide_why_the_workers_stopped(settings, store, run, monkeypatch):
    def stop() -> None:
        monkeypatch.setattr(store.objects, "exists", unavailable)
        raise WorkersStoppedError("nobody is left")

    def unavailable(key: str) -> bool:
        raise StorageError("away")

    seen = watch_run(settings, store, run, stop)

    assert next(seen).state == "waiting"
    with pytest.raises(WorkersStoppedError, match="nobody is left"):
        next(seen)


def test_a_run_that_has_ended_is_not_checked_any_more(settings, store, run):
    def stop() -> None:
        raise WorkersStoppedError("nobody is left")

    fail(store, run)

    assert [view.state for view in watch_run(settings, store, run, stop)] == ["failed"]


def test_a_reason_that_is_a_sentence_has_one_full_stop(store, run):
    failure = fail(store, run).model_copy(update={"reason": "it is damaged. Restore it, or train a new run."})

    with pytest.raises(RunFailedError, match=r"train a new run[.]$"):
        raise_if_failed(RunView(run=run, failure=failure))


def test_a_failed_run_raises_its_reason(store, run):
    failure = fail(store, run)

    with pytest.raises(RunFailedError, match=f"^Run {run.run_id} failed: nobody learnt anything.$"):
        raise_if_failed(RunView(run=run, failure=failure))
    raise_if_failed(RunView(run=run))


def test_the_ensemble_so_far_is_scored_against_the_labels_of_the_published_data(settings, store, run):
    commit(store, run, 1)

    assert view_run(settings, store, run).so_far.test_accuracy == 1.0


def test_without_the_data_set_the_view_does_without_the_ensemble_so_far(settings, store, run):
    commit(store, run, 1)
    (Path(store.objects.url) / "datasets" / f"{run.dataset.sha256}.npz").unlink()

    view = view_run(settings, store, run)

    assert (view.so_far, view.trained) == (None, 1)


def test_a_cancelled_run_ends_the_views_and_can_be_resumed(settings, store, run):
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=NOW))

    (view,) = watch_run(settings, store, run)

    assert view.state == "cancelled"
    with pytest.raises(RunCancelledError, match=f"`deepchord resume {run.run_id}` goes on"):
        raise_if_failed(view)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_broker_that_goes_away_between_two_looks_does_not_stop_the_views(settings, store, run, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    with local_session(settings, worker_command=IDLE_WORKER) as session:
        seen = watch_run(session.settings, store, run)
        assert next(seen).live
        assert next(seen).live

    assert not next(seen).live
    fail(store, run)
    assert [view.state for view in seen] == ["failed"]


def test_a_run_that_adds_members_by_itself_is_followed_until_it_has_enough(settings, store, run, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    run = run.model_copy(update={"auto": AutoMembers(at_most=9, least_fall=0.005)})
    store.create_run(run)
    seen = watch_run(settings, store, run)
    assert next(seen).state == "waiting"
    evaluate(store, run, share=0.1)

    # Nobody has added them yet: it goes on looking, and says what it waits for.
    for view in (next(seen), next(seen), view_run(settings, store, run)):
        assert (view.state, view.awaited_members, view.has_ended) == ("evaluated", 3, False)
        assert any("3 in all: the command that trains the run adds them" in line for line in changes(None, view))

    more = next_extension(store, run)
    store.extend_run(more)
    assert [(view.run.members, view.state) for view in (next(seen), next(seen))][-1] == (3, "waiting")
    evaluate(store, more, share=0.001)
    (*_, last) = seen
    assert (last.run, last.state, last.has_ended) == (more, "evaluated", True)


def test_who_adds_the_members_sees_the_run_until_its_next_evaluation(settings, store, run):
    run = run.model_copy(update={"auto": AutoMembers(at_most=9, least_fall=0.005)})
    evaluate(store, run, share=0.1)

    (view,) = watch_run(settings, store, run, extends=True)

    assert view.has_ended


def test_nothing_of_an_evaluated_run_that_waits_for_members_is_sent_again(
    settings, store, run, broker_url, monkeypatch
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: pytest.fail("it is evaluated"))
    run = run.model_copy(update={"auto": AutoMembers(at_most=9, least_fall=0.005)})
    store.create_run(run)
    evaluate(store, run, share=0.1)

    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run)

    assert [next(seen).awaited_members for _ in range(3)] == [3, 3, 3]
