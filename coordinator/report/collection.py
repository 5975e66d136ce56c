"""The results of a finished run for people: report, weights and numbers, copied out of storage."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from deepchord.coordinator.report.content import ReportContent, TeacherResults
from deepchord.coordinator.report.export import write_report
from deepchord.coordinator.report.findings import train_again
from deepchord.coordinator.report.multilabel import MultilabelContent
from deepchord.coordinator.report.regression import NumberTeacher, RegressionContent
from deepchord.coordinator.report.rendering import AnyContent
from deepchord.shared.checkpoints import (
    DESCRIPTION_FILE,
    INITIAL_WEIGHTS_FILE,
    decode_ensemble_labels,
    decode_ensemble_predictions,
    decode_ensemble_probabilities,
    weights_file,
)
from deepchord.shared.datasets import load_dataset
from deepchord.shared.errors import CorruptObjectError, MessageDecodeError, RunNotFoundError, StorageError
from deepchord.shared.messages import (
    EnsembleDescription,
    EnsembleEvaluation,
    Evaluation,
    MultilabelEvaluation,
    RegressionEvaluation,
    RunSpec,
    TrainedMember,
    UnseenNumbers,
    UnseenScores,
)
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

Unseen = TypeVar("Unseen", UnseenScores, UnseenNumbers)


def report_content(settings: Settings, store: RunStore, run: RunSpec) -> AnyContent:
    """Return all that the report of a run is made of; the run is taken as it was last evaluated.

    Raises:
        RunFailedError: The run has ended without an evaluation.
        InputError: It has not ended yet.
        CorruptObjectError: Records of members that were evaluated are gone.
    """
    run, evaluation = store.last_evaluation(run)
    data, source = _predicted(store, run, evaluation)
    records = store.evaluated_records(run, evaluation)
    trained = [record.member for record in records.values() if isinstance(record.member, TrainedMember)]
    known: dict[str, Any] = {
        "title": run.run_id,
        "command": train_again(run),
        "spec": run,
        "records": records,
        "member_names": {index: str(index) for index in range(run.members)},
        "evaluation": evaluation,
        "dataset": load_dataset(run.dataset, store, settings.cache),
        "started_at": min((_started_at(store, member) for member in trained), default=None),
    }
    if isinstance(evaluation, RegressionEvaluation):
        of_numbers = _number_teacher(store, run)
        return RegressionContent(**known, predictions=decode_ensemble_predictions(data, source), teacher=of_numbers)
    if isinstance(evaluation, MultilabelEvaluation):
        return MultilabelContent(**known, probabilities=decode_ensemble_labels(data, source))
    return ReportContent(
        **known, probabilities=decode_ensemble_probabilities(data, source), teacher=_teacher(store, run)
    )


def _predicted(store: RunStore, run: RunSpec, evaluation: Evaluation) -> tuple[bytes, str]:
    """Return the file with what an ensemble predicts, and what it is called in errors."""
    if isinstance(evaluation, RegressionEvaluation):
        return store.evaluation(run).predictions(evaluation.predictions_sha256), f"Predictions of run {run.run_id}"
    return store.evaluation(run).probabilities(evaluation.probabilities_sha256), f"Probabilities of run {run.run_id}"


def _teacher(store: RunStore, run: RunSpec) -> TeacherResults | None:
    """Return how the ensemble did that a run has learnt from; None if it learnt from none, or that one is gone."""
    teacher = _taught_by(store, run)
    evaluation = None if teacher is None else store.evaluation(teacher).result()
    if teacher is None or not isinstance(evaluation, EnsembleEvaluation):
        return None
    both = _unseen_by_both(store, teacher, run, UnseenScores)
    return TeacherResults(run_id=teacher.run_id, evaluation=evaluation, unseen=both)


def _number_teacher(store: RunStore, run: RunSpec) -> NumberTeacher | None:
    """Return the same of a run that predicts numbers."""
    teacher = _taught_by(store, run)
    evaluation = None if teacher is None else store.evaluation(teacher).result()
    if teacher is None or not isinstance(evaluation, RegressionEvaluation):
        return None
    both = _unseen_by_both(store, teacher, run, UnseenNumbers)
    return NumberTeacher(run_id=teacher.run_id, evaluation=evaluation, unseen=both)


def _taught_by(store: RunStore, run: RunSpec) -> RunSpec | None:
    """Return the run whose ensemble a run has learnt from; None if it learnt from none, or that one is gone."""
    if run.distillation is None:
        return None
    try:
        return store.version(run.distillation.teacher, run.distillation.extension)
    except (RunNotFoundError, CorruptObjectError):
        return None


def _unseen_by_both(
    store: RunStore, teacher: RunSpec, run: RunSpec, kind: type[Unseen]
) -> dict[str, tuple[Unseen, Unseen]]:
    """Return what studies of both runs found about images of other kinds, by the name of the images."""
    taught, own = _unseen(store, teacher, kind), _unseen(store, run, kind)
    return {name: (taught[name], own[name]) for name in taught if name in own}


def _unseen(store: RunStore, run: RunSpec, kind: type[Unseen]) -> dict[str, Unseen]:
    """Return what studies of a run found about images of other kinds, by the name of the images."""
    studies = (store.study(run.run_id, name).result() for name in store.study_names(run.run_id))
    return {
        study.unseen.name: study.unseen
        for study in studies
        if study is not None and isinstance(study.unseen, kind) and study.spec.extension == run.extension
    }


def write_run_report(settings: Settings, store: RunStore, run: RunSpec, folder: Path) -> tuple[AnyContent, Path]:
    """Write tables, figures and the page of a run; return what they show and the page's path."""
    content = report_content(settings, store, run)
    page = write_report(content, folder)
    if run.initial_weights is not None:
        _publish(folder, _initial_weights(store, run))
    return content, page


def collect_run(settings: Settings, store: RunStore, run: RunSpec, folder: Path) -> tuple[AnyContent, list[Path]]:
    """Copy a run's results into a folder: weights, evaluation, what the ensemble predicts, and the report.

    Returns:
        What the report shows, and the paths of all files in the folder that were written.
    """
    content = report_content(settings, store, run)
    run, evaluation = content.spec or run, content.evaluation
    records = (record.member for record in content.records.values())
    trained = [member for member in records if isinstance(member, TrainedMember)]

    def files() -> Iterator[tuple[str, bytes]]:
        yield "run.json", run.encode()
        yield "evaluation.json", evaluation.encode()
        yield DESCRIPTION_FILE, EnsembleDescription.of_run(run, evaluation, trained).encode()
        kind = "predictions" if isinstance(evaluation, RegressionEvaluation) else "probabilities"
        yield f"{kind}.npz", _predicted(store, run, evaluation)[0]
        yield from _initial_weights(store, run)
        for member in trained:
            index = member.spec.index
            weights = store.member(run.run_id, index).weights(member.attempt, member.weights_sha256)
            yield weights_file(index), weights

    written = _publish(folder, files())
    # The page comes last.
    write_report(content, folder)
    report = [folder / name for name in ("index.html", "summary.csv", "summary.json", "recipe.toml")]
    return content, sorted([*written, *report, *(folder / "figures").glob("*.[ps][nv]g")])


def _initial_weights(store: RunStore, run: RunSpec) -> Iterator[tuple[str, bytes]]:
    """Yield the file that the recipe of a run names, if its members did not start from random weights."""
    if run.initial_weights is not None:
        yield INITIAL_WEIGHTS_FILE, store.inputs.initial_weights(run.initial_weights.sha256)


def _started_at(store: RunStore, member: TrainedMember) -> datetime:
    """Return when the first attempt of a member began; its record has the start of the last one only."""
    if member.attempt == 1:
        return member.started_at
    try:
        return min(member.started_at, store.member(member.spec.run_id, member.spec.index).attempt_note(1).started_at)
    except (StorageError, MessageDecodeError):
        return member.started_at


def summary(run: RunSpec, store: RunStore) -> dict[str, Any]:
    """Return what `deepchord runs` shows of a run, by field name."""
    recorded = [index for index in store.recorded_members(run.run_id) if index < run.members]
    end = store.evaluation(run)
    evaluation, failure = end.result(), end.failure()
    cancelled = store.is_cancelled(run.run_id)
    state = "evaluated" if evaluation else "failed" if failure else "cancelled" if cancelled else "unfinished"
    return {
        "run_id": run.run_id,
        "created_at": run.created_at.isoformat(timespec="seconds"),
        **run.labels.model_dump(),
        "state": state,
        "preset": run.preset,
        "dataset": run.dataset.name,
        "members": run.members,
        "ended": len(recorded),
        "ensemble_test_accuracy": evaluation.test.accuracy if isinstance(evaluation, EnsembleEvaluation) else None,
        "ensemble_test_error": _errors(run, evaluation) if isinstance(evaluation, RegressionEvaluation) else None,
        "ensemble_test_hamming_loss": (
            evaluation.test.hamming_loss.value if isinstance(evaluation, MultilabelEvaluation) else None
        ),
    }


def _errors(run: RunSpec, evaluation: RegressionEvaluation) -> dict[str, float]:
    """Return the root mean squared error on the test rows of each number, by its name."""
    both = zip(run.dataset.targets, evaluation.test, strict=True)
    return {target.name: scores.root_mean_squared_error for target, scores in both}


def _publish(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write files, one in memory at a time; they get their names when all of them are read, verified and written."""
    written: list[Path] = []
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".results-") as aside:
            for name, data in files:
                path = folder / name
                (Path(aside) / name).parent.mkdir(exist_ok=True)
                (Path(aside) / name).write_bytes(data)
                written.append(path)
            for path in written:
                path.parent.mkdir(exist_ok=True)
                (Path(aside) / path.relative_to(folder)).replace(path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror}; give another folder with --out.") from error
    return written
