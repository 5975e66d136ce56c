"""From views of a run to notices at a real HTTP server."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.notification import Notifier, courier, notifier, webhook
from deepchord.shared.errors import RunFailedError, StorageError, WorkersStoppedError
from deepchord.shared.messages import RunFailure
from deepchord.shared.settings import load_settings
from tests.coordinator.evaluated_run import evaluation_with
from tests.coordinator.monitoring.example_views import trained
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(courier, "_FIRST_WAIT_S", 0.01)


@pytest.fixture
def evaluated(run) -> RunView:
    evaluation = evaluation_with(run, None).model_copy(update={"evaluated_at": datetime.now(UTC)})
    return RunView(run=run, evaluation=evaluation)


def test_an_end_is_told_once_however_many_look_at_the_run_and_however_often(receiver, store, evaluated):
    followers = [Notifier(load_settings(notify=[receiver.url], host=f"host {n}"), store) for n in range(5)]

    for follower in followers * 3:
        follower.see(evaluated)
    for follower in followers:
        follower.close()

    assert receiver.events == ["evaluated"]
    assert receiver.requests[0].json["test_accuracy"] == 0.9
    assert list(store.objects.list(f"runs/{evaluated.run.run_id}/notices/"))[-1].endswith("/told.json")


def test_a_server_that_fails_is_asked_again_and_one_that_goes_on_failing_is_warned_of_once(
    receiver, store, evaluated, caplog
):
    caplog.set_level(logging.WARNING)
    first, second = (Notifier(load_settings(notify=[receiver.url]), store) for _ in range(2))
    receiver.statuses.extend([503, 500, 204])
    first.see(evaluated)
    first.close()
    assert (receiver.events, caplog.messages) == (["evaluated"] * 3, [])

    failed = RunFailure(requested=2, trained=0, reason="no", failed_at=datetime.now(UTC))
    view = RunView(run=evaluated.run, failure=failed)
    receiver.statuses.extend([500] * 9)
    for _ in range(3):
        second.see(view)
    second.close()

    assert receiver.events[3:] == ["failed"] * 3
    assert caplog.messages == [
        f"The address 1 of --notify (http://127.0.0.1:{receiver.port}) was not told that run {view.run.run_id} failed: "
        "it answered 500 (Internal Server Error); the run is not concerned."
    ]


def test_a_server_that_hangs_keeps_nobody_and_a_second_address_is_told_all_the_same(
    receiver, store, evaluated, caplog, monkeypatch
):
    monkeypatch.setattr(webhook, "_TIMEOUT_S", 3600.0)
    monkeypatch.setattr(notifier, "FINISH_WITHIN_S", 0.2)
    receiver.hangs.set()
    follower = Notifier(load_settings(notify=[receiver.url, f"{receiver.url}/other"]), store)

    follower.see(evaluated)
    wait_until(lambda: len(receiver.requests) == 2, "both addresses are told, each by a thread of its own")
    follower.close()

    assert len(caplog.messages) == 2
    assert "is still busy with a notice, and is left to it" in caplog.messages[0]
    assert "secret" not in caplog.text


def test_storage_that_is_away_does_not_keep_a_notice_back(receiver, store, evaluated, monkeypatch):
    def unavailable(*_: object) -> None:
        raise StorageError("away", permanent=True)

    monkeypatch.setattr(type(store.objects), "list", unavailable)
    monkeypatch.setattr(type(store.objects), "create", unavailable)
    follower = Notifier(load_settings(notify=[receiver.url]), store)

    follower.see(evaluated)
    follower.close()

    assert receiver.events == ["evaluated"]


def test_errors_that_end_the_command_are_told_in_their_own_words(receiver, store, run):
    follower = Notifier(load_settings(notify=[receiver.url]), store)
    view = RunView(run=run)

    follower.see_trouble(view, RunFailedError(f"Run {run.run_id} cannot go on: it rains."))
    follower.see_trouble(replace(view, records={0: trained(run, 0)}), "its member 1 was sent in vain")
    follower.see_trouble(view, WorkersStoppedError("All workers\nhave died."))
    follower.close()

    assert [(request.json["event"], request.json["message"]) for request in receiver.requests] == [
        ("stalled", f"Run {run.run_id} cannot go on: it rains."),
        ("stalled", f"Run {run.run_id} does not go on: its member 1 was sent in vain."),
        ("no_workers", "All workers have died."),
    ]


def test_what_goes_wrong_unexpectedly_is_a_warning_without_its_text(receiver, store, evaluated, caplog, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("t0p-secret")

    monkeypatch.setattr(webhook.Webhook, "tell", fail)
    follower = Notifier(load_settings(notify=[receiver.url]), store)

    follower.see(evaluated)
    follower.close()

    assert "an unexpected RuntimeError" in caplog.messages[0]
    assert "secret" not in caplog.text
