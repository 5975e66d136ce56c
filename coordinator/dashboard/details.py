"""One run as the page shows it, in parts that change at different times."""

from collections.abc import Iterator, Mapping
from typing import Any

from deepchord.coordinator.dashboard.encoding import moment, short
from deepchord.coordinator.monitoring import RunView
from deepchord.shared.messages import (
    EnsembleEvaluation,
    EpochMetrics,
    Evaluation,
    MemberProgress,
    MultilabelEvaluation,
    RegressionEvaluation,
    RunSpec,
    TrainedMember,
)

#: More curves cannot be told apart, as in the report.
MOST_CURVES = 200


def head(view: RunView, stall: str | None) -> dict[str, Any]:
    """Return what changes while a run is trained: its state, the progress of its members, the ensemble so far."""
    run, ensemble = view.run, view.so_far
    return {
        "run_id": run.run_id,
        "state": view.state,
        "has_ended": view.has_ended,
        "created_at": moment(run.created_at),
        "ended_at": moment(_ended_at(view)),
        "preset": run.preset,
        "dataset": run.dataset.name,
        "task": run.dataset.outputs.task,
        "members": run.members,
        "min_members": run.min_members,
        "max_attempts": run.max_attempts,
        "epochs": run.recipe.epochs,
        "ended": len(view.records),
        "trained": view.trained,
        "share_done": round(view.share_done, 3),
        "awaited_members": view.awaited_members,
        "live": view.live,
        "stall": stall,
        "failure": view.failure and view.failure.reason,
        "cancelled_from": view.cancellation and view.cancellation.host,
        "evaluation_note": view.evaluation_note,
        "notes": dict(view.notes),
        "progress": [
            _progress(view, line) for index, line in sorted(view.progress.items()) if index not in view.records
        ],
        "so_far": ensemble
        and {"members": ensemble.members, "accuracy": ensemble.test_accuracy, "loss": ensemble.test_loss},
        "scores": view.evaluation and scores(run, view.evaluation),
    }


def scores(run: RunSpec, evaluation: Evaluation) -> dict[str, Any]:
    """Return the scores of an evaluated run by what they are called in tables."""
    if isinstance(evaluation, RegressionEvaluation):
        named = zip(run.dataset.targets, evaluation.test, strict=True)
        return {f"Test RMSE of {target.name}": short(each.root_mean_squared_error) for target, each in named}
    if isinstance(evaluation, MultilabelEvaluation):
        return {
            "Test exact match": evaluation.test.exact_match.value,
            "Test Hamming loss": evaluation.test.hamming_loss.value,
            "Test loss": short(evaluation.test.negative_log_likelihood.value),
            "Calibrated loss": short(evaluation.best.negative_log_likelihood.value),
            "Calibration error": short(evaluation.best.calibration_error.value),
        }
    found: dict[str, Any] = {
        "Test accuracy": evaluation.test.accuracy,
        "Test loss": short(evaluation.test.loss),
        "Mean member's accuracy": short(evaluation.mean_member_accuracy),
        "Best member's accuracy": evaluation.best_member_accuracy,
    }
    if evaluation.uncertainty is not None:
        best = evaluation.uncertainty.best
        found["Calibrated loss"] = short(best.negative_log_likelihood.value)
        found["Calibration error"] = short(best.expected_calibration_error.value)
    return found


def reliability(evaluation: Evaluation | None) -> list[list[float]]:
    """Return confidence and share of right answers, bin by bin; empty where they were not measured."""
    if not isinstance(evaluation, EnsembleEvaluation) or evaluation.uncertainty is None:
        return []
    bins = evaluation.uncertainty.calibrated_reliability or evaluation.uncertainty.reliability
    return [[each.mean_confidence, each.accuracy] for each in bins]


def member_rows(view: RunView) -> list[dict[str, Any]]:
    """Return a row for each member that has ended."""
    return [_row(view, index) for index in sorted(view.records)]


def curves(view: RunView, seen: Mapping[int, Mapping[int, EpochMetrics]]) -> dict[str, Any]:
    """Return loss and score of each epoch, of trained members and of those under way.

    Args:
        view: The run.
        seen: Of members under way: the epochs that were reported while somebody looked, counted from 1.
    """
    is_error = view.run.dataset.outputs.task != "classification"
    lines = [
        *_ended_curves(view),
        *((index, None, dict(epochs)) for index, epochs in seen.items() if index not in view.records),
    ]
    return {
        "score": "error" if is_error else "accuracy",
        "all": len(lines),
        "members": [_curve(index, best, epochs, is_error) for index, best, epochs in sorted(lines)[:MOST_CURVES]],
    }


def plan(run: RunSpec) -> dict[str, Any]:
    """Return what decides the result of a run, by name: the recipe, and what stands beside it."""
    spec = run.model_dump(mode="json", include={"seed", "members", "min_members", "require", "max_attempts", "auto"})
    described = {
        "preset": run.preset,
        "data set": f"{run.dataset.name} ({run.dataset.sha256[:8]})",
        "network": _network(run),
        "distilled from": run.distillation and run.distillation.teacher,
        "initial weights": run.initial_weights and run.initial_weights.source,
    }
    return described | spec | run.recipe.model_dump(mode="json")


def _network(run: RunSpec) -> str:
    layers = [layer.type for layer in run.architecture.layers]
    return f"{len(layers)} layers: {', '.join(layers)}"


def _ended_at(view: RunView) -> Any:
    if view.evaluation is not None:
        return view.evaluation.evaluated_at
    if view.failure is not None:
        return view.failure.failed_at
    return view.cancellation and view.cancellation.cancelled_at


def _progress(view: RunView, line: MemberProgress) -> dict[str, Any]:
    last = line.last
    return {
        "index": line.index,
        "attempt": line.attempt,
        "place": _place(line),
        "phase": line.phase,
        "epochs_done": line.epochs_done,
        "epochs": line.epochs,
        "share": round(view.member_share(line.index), 3),
        "seconds_left": short(view.member_seconds_left(line.index)),
        "loss": last and short(last.validation_loss),
        "score": last and short(_score(last)),
        "updated_at": moment(line.updated_at),
    }


def _row(view: RunView, index: int) -> dict[str, Any]:
    member = view.records[index].member
    row = {
        "index": index,
        "status": member.status,
        "attempt": member.attempt,
        "place": _place(member) if member.trainer else "",
        "ended_at": moment(member.finished_at),
    }
    if not isinstance(member, TrainedMember):
        return row | {"error": member.error}
    best = member.history[member.best_epoch - 1]
    return row | {
        "duration_s": short(member.duration_s),
        "epochs": len(member.history),
        "best_epoch": member.best_epoch,
        "loss": short(best.validation_loss),
        "score": short(_score(best)),
    }


def _place(line: Any) -> str:
    trainer = line.trainer
    return f"{trainer.host} · {trainer.engine} {trainer.device}"


def _score(epoch: EpochMetrics) -> float | None:
    return epoch.validation_error if epoch.validation_accuracy is None else epoch.validation_accuracy


def _ended_curves(view: RunView) -> Iterator[tuple[int, int | None, dict[int, EpochMetrics]]]:
    for index, record in view.records.items():
        if isinstance(record.member, TrainedMember):
            yield index, record.member.best_epoch, dict(enumerate(record.member.history, 1))


def _curve(index: int, best: int | None, epochs: Mapping[int, EpochMetrics], is_error: bool) -> dict[str, Any]:
    numbers = sorted(epochs)
    ordered = [epochs[number] for number in numbers]
    return {
        "index": index,
        "best": best,
        "epochs": numbers,
        "train_loss": [short(each.train_loss) for each in ordered],
        "validation_loss": [short(each.validation_loss) for each in ordered],
        "train_score": [short(each.train_error if is_error else each.train_accuracy) for each in ordered],
        "validation_score": [short(_score(each)) for each in ordered],
    }
