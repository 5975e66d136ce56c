"""One attempt at an evaluation: evaluate the trained members, and commit the result or the failure of the run."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import Evaluation, RunFailure, RunSpec
from deepchord.worker.evaluation import (
    Candidate,
    Evaluator,
    evaluate_members,
    evaluate_multilabel,
    evaluate_regression,
    run_candidates,
    trained_members,
)
from deepchord.worker.execution.outcomes import RunCancelled
from deepchord.worker.resources import Resources
from deepchord.worker.training import calibration_images, member_split


def attempt_evaluation(resources: Resources, run: RunSpec, advance: Callable[[], None]) -> str:
    """Evaluate a run whose members have all ended; return `evaluated` or `failed`.

    Args:
        resources: Engine and storage of this process.
        run: The run, with its last extension.
        advance: Called when a step has ended; may raise `AttemptEnded`.

    Raises:
        AttemptEnded: The evaluation must stop; the attempt does not count.
    """
    store = resources.store
    trained = trained_members(store, run, advance)
    if len(trained) < run.min_members:
        reason = f"{len(trained)} members were trained, min_members is {run.min_members}"
        return fail_run(resources, run, reason, advance)
    dataset = resources.dataset(run.dataset, advance)
    evaluator = Evaluator(
        engine=resources.engine,
        trainer=resources.trainer,
        threads=resources.evaluation_threads(),
        advance=advance,
    )
    labels = dataset.y_train
    candidates = run_candidates(store, run, trained, lambda member: member_split(run, member, labels).validation)
    held_out = calibration_images(run, labels)
    evaluation, arrays = _evaluated(evaluator, dataset, candidates, run.members, held_out)
    stored = store.evaluation(run)
    if not stored.commit_result(evaluation, arrays) and not stored.has_result():
        raise RunCancelled
    return "evaluated"


def _evaluated(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    held_out: NDArray[np.int64],
) -> tuple[Evaluation, bytes]:
    """Return the evaluation of what the data set wants predicted, and the file with what the ensemble predicts."""
    match dataset.task:
        case "regression":
            numbers = evaluate_regression(evaluator, dataset, candidates, requested, held_out)
            return numbers.evaluation, numbers.encoded_predictions
        case "multilabel":
            labels = evaluate_multilabel(evaluator, dataset, candidates, requested, held_out)
            return labels.evaluation, labels.encoded_probabilities
        case "classification":
            classes = evaluate_members(evaluator, dataset, candidates, requested, held_out)
            return classes.evaluation, classes.encoded_probabilities


def fail_run(resources: Resources, run: RunSpec, reason: str, advance: Callable[[], None]) -> str:
    """Commit that the run failed; return `failed`.

    A record that cannot be read counts as missing: it may be the reason of the failure.

    Args:
        resources: Storage of this process.
        run: The run.
        reason: Why it failed, for people.
        advance: Called after each record.

    Raises:
        RunCancelled: The run was cancelled, or another process committed first.
    """
    trained = 0
    for index in range(run.members):
        advance()
        with suppress(DeepchordError):
            record = resources.store.member(run.run_id, index).record()
            trained += record is not None and record.member.status == "trained"
    failure = RunFailure(requested=run.members, trained=trained, reason=reason, failed_at=datetime.now(UTC))
    stored = resources.store.evaluation(run)
    if not stored.commit_failure(failure) and not stored.has_failed():
        raise RunCancelled
    return "failed"
