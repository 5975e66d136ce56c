import hashlib
import json
import os
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.monitoring import raise_if_failed
from deepchord.coordinator.monitoring.run_view import RunWatcher
from deepchord.coordinator.report import collect_run, summary, write_run_report
from deepchord.coordinator.report.collection import report_content
from deepchord.coordinator.runs import (
    cancel_run,
    check_unfinished,
    extend_run,
    plan_extension,
    plan_member,
    plan_request,
    plan_run,
    resume_run,
)
from deepchord.shared.checkpoints import EnsembleProbabilities, encode_ensemble_probabilities
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.errors import CorruptObjectError, InputError, RunFailedError, StorageError
from deepchord.shared.messages import (
    AttemptNote,
    Cancellation,
    EnsembleEvaluation,
    EpochMetrics,
    FailedMember,
    MemberEvaluation,
    MemberRecord,
    RunFailure,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from deepchord.shared.uncertainty import ImageUncertainty
from tests.records import commit_record

TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="CPU:0")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LABELS = np.arange(20) % 2
#: The members that were trained; member 1 failed.
TRAINED = (0, 2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache")


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    """A run of three members in storage, of which two are trained and one has failed; not evaluated yet."""
    images = np.random.default_rng(1).integers(0, 256, (20, 6, 6), dtype=np.uint8)
    arrays = {"x_train": images, "y_train": LABELS, "x_test": images, "y_test": LABELS}
    dataset = publish_dataset(dataset_from_arrays(arrays, name="tiny", source="tiny"), store)
    run = plan_run(plan_request(None, {"members": 3, "seed": 1}), TINY, dataset, max_attempts=3, now=NOW)
    store.create_run(run)
    for index in TRAINED:
        store.member(run.run_id, index).publish_weights(1, weights_of(index))
        commit_record(store, trained(run, index))
    spec = plan_member(run.run_id, run.seed, 1)
    failed = FailedMember(spec=spec, attempt=3, trainer=TRAINER, finished_at=NOW, error="it broke")
    commit_record(store, MemberRecord(member=failed))
    return run


@pytest.fixture
def evaluation(store: RunStore, run: RunSpec) -> EnsembleEvaluation:
    """The evaluation of the run, committed."""
    rows = np.full((20, 2), 0.5, dtype=np.float32)
    rows[:, 0] += 0.1
    return commit_evaluation(store, run, EnsembleProbabilities(train=rows, test=rows))


def commit_evaluation(store: RunStore, run: RunSpec, probabilities: EnsembleProbabilities) -> EnsembleEvaluation:
    data = encode_ensemble_probabilities(probabilities)
    scores = Scores(loss=0.7, accuracy=0.5)
    evaluation = EnsembleEvaluation(
        requested=3,
        trained=2,
        evaluator=TRAINER,
        evaluated_at=NOW + timedelta(minutes=1),
        duration_s=1.0,
        members=tuple(MemberEvaluation(index=index, train=scores, test=scores) for index in TRAINED),
        train=scores,
        test=scores,
        confusion=((10, 0), (10, 0)),
        misclassified=(),
        probabilities_sha256=hashlib.sha256(data).hexdigest(),
    )
    store.evaluation(run).commit_result(evaluation, data)
    return evaluation


def weights_of(index: int) -> bytes:
    return f"the weights of member {index}".encode()


def trained(run: RunSpec, index: int) -> MemberRecord:
    epoch = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)
    return MemberRecord(
        member=TrainedMember(
            spec=plan_member(run.run_id, run.seed, index),
            attempt=1,
            trainer=TRAINER,
            started_at=NOW,
            finished_at=NOW + timedelta(seconds=30),
            history=(epoch,),
            best_epoch=1,
            weights_sha256=hashlib.sha256(weights_of(index)).hexdigest(),
            probabilities_sha256="0" * 64,
        )
    )


@pytest.mark.slow
def test_all_that_the_run_left_is_copied_out(settings, store, run, evaluation, tmp_path):
    content, files = collect_run(settings, store, run, tmp_path / "results")

    assert content.evaluation == evaluation
    assert (tmp_path / "results" / "evaluation.json").read_bytes() == evaluation.encode()
    assert RunSpec.decode((tmp_path / "results" / "run.json").read_bytes(), "run.json") == run
    assert {path.name: path.read_bytes() for path in (tmp_path / "results").glob("*.hdf5")} == {
        f"best_weights_{index}.hdf5": weights_of(index) for index in TRAINED
    }
    with np.load(tmp_path / "results" / "probabilities.npz") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {"train": (20, 2), "test": (20, 2)}
    assert sorted(files) == sorted(path for path in (tmp_path / "results").rglob("*") if path.is_file())
    assert {"index.html", "summary.csv"} <= {path.name for path in files}


@pytest.mark.slow
def test_collecting_again_renews_what_is_there_and_leaves_the_rest_alone(settings, store, run, evaluation, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "evaluation.json").write_text("old")

    collect_run(settings, store, run, tmp_path)

    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "evaluation.json").read_bytes() == evaluation.encode()


@pytest.mark.slow
def test_weights_that_are_not_those_of_the_record_are_not_copied(settings, store, run, evaluation, tmp_path):
    store.member(run.run_id, 2).publish_weights(1, b"somebody else's")

    with pytest.raises(CorruptObjectError, match=r"members/002/attempts/001/weights.hdf5 is damaged"):
        collect_run(settings, store, run, tmp_path / "results")

    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.slow
def test_the_report_alone_has_no_weights(settings, store, run, evaluation, tmp_path):
    content, page = write_run_report(settings, store, run, tmp_path / "report")

    assert page == tmp_path / "report" / "index.html"
    assert run.run_id in page.read_text()
    assert set(content.records) == {0, 1, 2}
    assert list((tmp_path / "report").glob("*.hdf5")) == []


def test_the_report_is_made_of_what_storage_holds(settings, store, run, evaluation):
    content = report_content(settings, store, run)

    assert (content.title, content.spec, content.evaluation) == (run.run_id, run, evaluation)
    assert [record.member.status for record in content.records.values()] == ["trained", "failed", "trained"]
    assert content.dataset.name == "tiny"
    assert content.probabilities.test.shape == (20, 2)
    assert (content.probabilities.calibrated_test, content.probabilities.test_uncertainty) == (None, None)
    assert content.best_test_probabilities is content.probabilities.test


def test_the_report_has_the_calibrated_probabilities_and_the_uncertainty_of_each_image(settings, store, run):
    rows = np.full((20, 2), 0.5, dtype=np.float32)
    calibrated, measures = rows + np.float32([0.2, -0.2]), np.linspace(0, 1, 20, dtype=np.float32)
    uncertainty = ImageUncertainty(**{field.name: measures for field in fields(ImageUncertainty)})
    probabilities = EnsembleProbabilities(
        train=rows, test=rows, calibrated_test=calibrated, test_uncertainty=uncertainty
    )
    commit_evaluation(store, run, probabilities)

    content = report_content(settings, store, run)

    assert np.array_equal(content.probabilities.test, rows)
    assert np.array_equal(content.best_test_probabilities, calibrated)
    assert content.probabilities.test_uncertainty is not None
    assert np.array_equal(content.probabilities.test_uncertainty.mutual_information, measures)


def test_probabilities_that_are_not_those_of_the_evaluation_are_refused(settings, store, run, evaluation):
    (path,) = Path(store.objects.url).rglob("probabilities-*.npz")
    path.write_bytes(b"others")

    with pytest.raises(CorruptObjectError, match="is damaged"):
        report_content(settings, store, run)


def test_a_run_that_goes_on_says_how_far_it_is(store, run):
    with pytest.raises(InputError, match=r"is not evaluated yet: 3 of 3 members have ended; `deepchord watch"):
        store.last_evaluation(run)


def test_a_run_that_was_extended_since_is_reported_as_it_was_evaluated(settings, store, run, evaluation):
    extended = RunSpec.parse({**run.model_dump(), "members": 4, "extension": 1}, "extended", InputError)
    store.extend_run(extended)
    commit_record(store, trained(extended, 3))

    content = report_content(settings, store, extended)

    assert (content.spec, content.evaluation, set(content.records)) == (run, evaluation, {0, 1, 2})
    store.evaluation(extended).commit_failure(RunFailure(requested=4, trained=0, reason="nobody learnt", failed_at=NOW))
    assert store.last_evaluation(extended) == (run, evaluation)


def test_a_run_begins_with_the_first_attempt_of_a_member_not_with_the_one_that_ended_well(
    settings, store, run, evaluation
):
    earlier = NOW - timedelta(hours=2)
    extended = RunSpec.parse({**run.model_dump(), "members": 5, "extension": 1}, "extended", InputError)
    assert report_content(settings, store, run).started_at == NOW
    for index, note in ((3, AttemptNote(host="a", worker="b", process_id=1, started_at=earlier).encode()), (4, b"{")):
        record = trained(extended, index)
        member = record.member.model_copy(update={"attempt": store.member(run.run_id, index).start_attempt(note) + 1})
        commit_record(store, MemberRecord(member=member))
    store.extend_run(extended)
    evaluated = evaluation.model_copy(update={"requested": 5})
    store.evaluation(extended).commit_result(
        evaluated, store.evaluation(run).probabilities(evaluation.probabilities_sha256)
    )

    assert report_content(settings, store, extended).started_at == earlier


def test_a_run_that_failed_says_why(store, run):
    store.evaluation(run).commit_failure(RunFailure(requested=3, trained=0, reason="nobody learnt", failed_at=NOW))

    with pytest.raises(RunFailedError, match=f"^Run {run.run_id} has no evaluation: nobody learnt.$"):
        store.last_evaluation(run)


def test_a_folder_that_cannot_be_written_is_named(settings, store, run, evaluation, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match=str(tmp_path / "file")):
        collect_run(settings, store, run, tmp_path / "file")


@pytest.mark.slow
def test_a_file_that_cannot_be_replaced_is_named_and_nothing_half_written_stays(
    settings, store, run, evaluation, tmp_path
):
    (tmp_path / "results" / "evaluation.json").mkdir(parents=True)

    with pytest.raises(StorageError, match=r"Cannot write .*evaluation.json: .*; give another folder with --out"):
        collect_run(settings, store, run, tmp_path / "results")

    assert [name for name in os.listdir(tmp_path / "results") if name.startswith(".")] == []  # noqa: PTH208  names


def test_one_line_sums_up_a_run_that_goes_on_has_failed_or_is_evaluated(store, run, evaluation):
    other = plan_run(plan_request(None, {"members": 2}), TINY, run.dataset, max_attempts=3, now=NOW)
    failure = RunFailure(requested=2, trained=0, reason="nobody learnt", failed_at=NOW)

    lines = [summary(run, store), summary(other, store)]
    store.evaluation(other).commit_failure(failure)
    lines.append(summary(other, store))

    assert [(line["state"], line["ended"], line["ensemble_test_accuracy"]) for line in lines] == [
        ("evaluated", 3, 0.5),
        ("unfinished", 0, None),
        ("failed", 0, None),
    ]
    assert json.loads(json.dumps(lines)) == lines


def test_a_run_whose_records_are_gone_is_not_shown_without_them(settings, store, run, evaluation, tmp_path):
    for index in TRAINED:
        store.objects.delete(f"runs/{run.run_id}/members/{index:03d}/record.json")

    with pytest.raises(CorruptObjectError, match=r"is evaluated, but has no record of member 0, 2 any more: restore"):
        collect_run(settings, store, run, tmp_path / "results")

    assert not (tmp_path / "results").exists()


def test_where_an_evaluation_and_a_cancellation_lie_side_by_side_every_command_says_evaluated(store, run, evaluation):
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=NOW))

    assert summary(run, store)["state"] == "evaluated"
    view = RunWatcher(store, run).look()
    assert (view.state, view.evaluation) == ("evaluated", evaluation)
    raise_if_failed(view)
    assert store.last_evaluation(run) == (run, evaluation)
    for steer in (partial(cancel_run, host="here"), check_unfinished, resume_run):
        with pytest.raises(InputError, match="is evaluated; `deepchord extend"):
            steer(store, run)
    extended = extend_run(store, plan_extension(run, 4, None))
    assert RunWatcher(store, extended).look().state == "training"
