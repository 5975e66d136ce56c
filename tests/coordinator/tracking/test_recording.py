"""What is recorded of a run, in which order, and what is left out because it is there."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.tracking import Recorder, record_run, recorder
from deepchord.coordinator.tracking.values import Point, epochs, parameters, scores
from deepchord.shared.errors import InputError, TrackerError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import load_settings
from tests.coordinator.followed_run import commit, fail, published_run
from tests.waiting import wait_until


class Memory:
    """A tracker that remembers what it is told, as the real ones do, and can be broken."""

    label = "the tracker"

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], object] = {}
        self.writes: list[str] = []
        self.ends: list[str] = []
        self.error: Exception | None = None
        self.opened = 0

    def open(self, run: RunSpec) -> "Memory":
        self.opened += 1
        if self.error is not None:
            raise self.error
        return self

    def has(self, group: str, part: str) -> bool:
        return (group, part) in self.parts

    def write_parameters(self, part: str, values: Mapping[str, object], at: datetime) -> None:
        self._write("ensemble", part, values)

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:
        self._write(group, part, points)

    def write_report(self, part: str, folder: Path, at: datetime) -> None:
        self._write("ensemble", part, sorted(path.name for path in folder.iterdir()))

    def end(self, end: str, at: datetime) -> None:
        self.ends.append(end)

    def close(self) -> None:
        """All is written."""

    def _write(self, group: str, part: str, what: object) -> None:
        assert (group, part) not in self.parts
        self.parts[group, part] = what
        self.writes.append(part)


@pytest.mark.slow
def test_a_finished_run_is_recorded_whole_and_once(settings, store, finished):
    tracker = Memory()

    for with_report in (False, True, True):
        record_run(settings, store, finished, tracker, with_report=with_report)

    assert tracker.writes == ["parameters", "member-000", "member-001", "evaluation-000", "report-000"]
    assert tracker.parts["ensemble", "parameters"] == parameters(finished)
    assert {"index.html", "summary.csv", "figures"} <= set(tracker.parts["ensemble", "report-000"])
    assert set(tracker.ends) == {"evaluated"}


def test_a_run_that_goes_on_is_recorded_as_far_as_it_is(store, tmp_path):
    run, tracker = published_run(store), Memory()
    store.create_run(run)
    commit(store, run, 1)
    record_run(load_settings(), store, run, tracker, with_report=True)
    assert (tracker.writes, tracker.ends) == (["parameters", "member-001"], [])

    commit(store, run, 0)
    fail(store, run)
    record_run(load_settings(), store, run, tracker, with_report=True)
    assert (tracker.writes[2:], tracker.ends) == (["member-000"], ["failed"])


def test_values_are_those_of_the_records(store, finished):
    member = store.member(finished.run_id, 0).record().member
    evaluation = store.evaluation(finished).result()

    points, point = epochs(member), scores(finished, evaluation)

    assert [each.step for each in points] == list(range(1, len(member.history) + 1))
    assert [each.values["validation_loss"] for each in points] == [epoch.validation_loss for epoch in member.history]
    assert "train_error" not in points[0].values
    assert points[-1].at == member.finished_at
    assert (points[-1].at - points[-2].at).total_seconds() == pytest.approx(member.history[-1].duration_s, abs=1e-5)
    assert (point.step, point.at) == (2, evaluation.evaluated_at)
    assert point.values["test_accuracy"] == evaluation.test.accuracy
    assert parameters(finished)["learning_rate"] == finished.recipe.learning_rate
    assert parameters(finished)["seed"] == finished.seed


def test_the_recorder_records_what_changes_and_warns_once_of_a_tracker_that_fails(
    settings, store, finished, monkeypatch, caplog
):
    tracker = Memory()
    monkeypatch.setattr(recorder, "open_trackers", lambda *_: [tracker])
    records = {record.member.spec.index: record for record in store.records(finished.run_id, 2)}
    view = RunView(run=finished, records=records, evaluation=store.evaluation(finished).result())
    recording = Recorder(settings, store)

    def see_until(what):
        wait_until(lambda: (recording.see(view), what())[1], "it is recorded again and again")

    tracker.error = TrackerError("The tracker is away.")
    see_until(lambda: tracker.opened > 2)
    tracker.error = ValueError("t0p-secret")
    see_until(lambda: tracker.opened > 9)
    tracker.error = None
    see_until(lambda: tracker.ends)
    for _ in range(3):
        recording.see(view)
    recording.close()

    assert caplog.messages == [
        f"Run {finished.run_id} is not recorded: The tracker is away. The run is not concerned; "
        "`deepchord track RUN ADDRESS` records it later."
    ]
    assert tracker.writes == ["parameters", "member-000", "member-001", "evaluation-000"]
    assert tracker.ends == ["evaluated"]


def test_a_tracker_that_hangs_keeps_nobody(settings, store, finished, monkeypatch, caplog):
    hangs, tracker = threading.Event(), Memory()
    monkeypatch.setattr(tracker, "has", lambda *_: hangs.wait())
    monkeypatch.setattr(recorder, "open_trackers", lambda *_: [tracker])
    monkeypatch.setattr(recorder, "FINISH_WITHIN_S", 0.1)
    recording = Recorder(settings, store)

    recording.see(RunView(run=finished))
    recording.close()

    assert caplog.messages == [
        "Not everything could be recorded in time; `deepchord track RUN ADDRESS` records it later."
    ]
    hangs.set()
    wait_until(lambda: tracker.ends, "the thread goes on")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("wandb:x", "Tracker 1 is of an unknown kind, expected mlflow:URI or mlflow:URI#EXPERIMENT, tensorboard:"),
        ("mlflow", "Tracker 1, mlflow, has no place"),
        ("tensorboard:", "Tracker 1, tensorboard, has no place"),
        ("mlflow:http://me:t0p-secret@host:5000", "put it and its password into MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_an_address_that_is_none_is_refused(settings, store, address, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        Recorder(load_settings(track=[address]), store)

    assert "secret" not in str(caught.value)
