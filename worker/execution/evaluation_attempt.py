"""One attempt at an evaluation: evaluate the trained members, and commit the result or the failure of the run."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import Evaluation, RunFailure, RunSpec
from deepchord.worker.evaluation import (
    Evaluator,
    evaluate_members,
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
    evaluation: Evaluation
    if run.dataset.targets:
        numbers = evaluate_regression(evaluator, dataset, candidates, run.members, held_out)
        evaluation, arrays = numbers.evaluation, numbers.encoded_predictions
    else:
        classes = evaluate_members(evaluator, dataset, candidates, run.members, held_out)
        evaluation, arrays = classes.evaluation, classes.encoded_probabilities
    stored = store.evaluation(run)
    if not stored.commit_result(evaluation, arrays) and not stored.has_result():
        raise RunCancelled
    return "evaluated"


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
