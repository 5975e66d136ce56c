"""Runs side by side: in which options their recipes differ, what they scored, how long they were trained."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepchord.shared.messages import (
    Evaluation,
    MultilabelEvaluation,
    Recipe,
    RegressionEvaluation,
    RunSpec,
    TrainedMember,
)
from deepchord.shared.storage import RunStore


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """A run as it was last evaluated, or as it is if it was not."""

    run: RunSpec
    #: None: it is not evaluated.
    evaluation: Evaluation | None
    #: The seconds that its members were trained for, together; the number of those that were.
    seconds: float
    trained: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side; each value of a row belongs to the run at the same place, and None is not known."""

    runs: tuple[ComparedRun, ...]
    differences: Mapping[str, tuple[Any, ...]]
    scores: Mapping[str, tuple[float | None, ...]]
    seconds: Mapping[str, tuple[float | None, ...]]

    @property
    def is_of_one_test(self) -> bool:
        """Whether all of them were tested on the same rows or images; otherwise scores do not say which is better."""
        return len({each.run.dataset.sha256 for each in self.runs}) == 1

    def as_json(self) -> dict[str, Any]:
        """Return it by the names that scripts ask for."""
        return {
            "runs": [each.run.run_id for each in self.runs],
            "same_data_set": self.is_of_one_test,
            "differences": {name: list(values) for name, values in self.differences.items()},
            "scores": {name: list(values) for name, values in self.scores.items()},
            "seconds": {name: list(values) for name, values in self.seconds.items()},
        }


def compare_runs(store: RunStore, runs: Sequence[RunSpec]) -> Comparison:
    """Read what is compared of runs, and compare it.

    Raises:
        StorageError: Storage does not answer, or something in it is damaged.
    """
    return compare([_compared(store, run) for run in runs])


def compare(runs: Sequence[ComparedRun]) -> Comparison:
    """Return runs side by side."""
    options = [_options(each.run) for each in runs]
    differences = {
        name: values for name in options[0] if len(set(map(repr, values := tuple(each[name] for each in options)))) > 1
    }
    scores = [_scores(each.evaluation) for each in runs]
    names = dict.fromkeys(name for each in scores for name in each)  # in their order, each once
    return Comparison(
        runs=tuple(runs),
        differences=differences,
        scores={name: tuple(each.get(name) for each in scores) for name in names},
        seconds={
            "training of all members": tuple(each.seconds for each in runs),
            "training of a member": tuple(each.seconds / each.trained if each.trained else None for each in runs),
            "evaluation": tuple(each.evaluation.duration_s if each.evaluation else None for each in runs),
        },
    )


def _compared(store: RunStore, run: RunSpec) -> ComparedRun:
    versions = ((version, store.evaluation(version).result()) for version in store.specs(run.run_id))
    version, evaluation = next(((one, found) for one, found in versions if found is not None), (run, None))
    records = (record.member for record in store.records(run.run_id, version.members))
    durations = [member.duration_s for member in records if isinstance(member, TrainedMember)]
    return ComparedRun(run=version, evaluation=evaluation, seconds=sum(durations), trained=len(durations))


def _options(run: RunSpec) -> dict[str, Any]:
    """Return all that decides a run, by its name in a recipe; what has no name there by one like it."""
    weights, learnt = run.initial_weights, run.distillation
    return {
        "name": run.labels.name,
        "preset": run.preset,
        "dataset": f"{run.dataset.name} ({run.dataset.sha256[:8]})",
        "members": run.members,
        "min_members": run.min_members,
        "seed": run.seed,
        "require": run.require,
        "initial_weights": None if weights is None else f"{weights.source} ({weights.sha256[:8]})",
        "initial_noise": None if weights is None else weights.noise,
        "distilled from": None if learnt is None else learnt.teacher,
        **{name: getattr(run.recipe, name) for name in Recipe.model_fields},
        "network": _network(run),
    }


def _network(run: RunSpec) -> str:
    """Return the size of a network, and a digest by which two of one size differ."""
    digest = hashlib.sha256(run.architecture.encode()).hexdigest()[:8]
    parameters = run.dataset.network(run.architecture).parameters
    return f"{len(run.architecture.layers)} layers, {parameters:,} parameters ({digest})"


def _scores(evaluation: Evaluation | None) -> dict[str, float | None]:
    """Return what is compared of an evaluation; of several predicted numbers that of the first."""
    if evaluation is None:
        return {}
    known: dict[str, float | None] = {"members trained": evaluation.trained}
    if isinstance(evaluation, RegressionEvaluation):
        first = evaluation.test[0]
        return known | {
            "test RMSE": first.root_mean_squared_error,
            "test MAE": first.mean_absolute_error,
            "test R\u00b2": first.r_squared,
            "test negative log-likelihood": first.negative_log_likelihood,
            "test CRPS": first.continuous_ranked_probability_score,
        }
    if isinstance(evaluation, MultilabelEvaluation):
        return known | {
            "test exact match": evaluation.test.exact_match.value,
            "test Hamming loss": evaluation.test.hamming_loss.value,
            "test loss": evaluation.test.negative_log_likelihood.value,
            "calibrated test loss": evaluation.best.negative_log_likelihood.value,
            "calibration error": evaluation.best.calibration_error.value,
            "Brier score": evaluation.best.brier_score.value,
        }
    known |= {
        "test accuracy": evaluation.test.accuracy,
        "test loss": evaluation.test.loss,
        "average member's test accuracy": evaluation.mean_member_accuracy,
    }
    if evaluation.uncertainty is not None:
        best = evaluation.uncertainty.best
        known |= {
            "calibrated test loss": best.negative_log_likelihood.value,
            "expected calibration error": best.expected_calibration_error.value,
            "Brier score": best.brier_score.value,
        }
    return known
