"""Evaluations of runs with `members = "auto"`, which tell what one more member would bring."""

import hashlib
from typing import Any

from deepchord.shared.messages import (
    EnsembleEvaluation,
    EnsembleUncertainty,
    Estimate,
    MemberEvaluation,
    MemberGain,
    NumberGain,
    ProbabilityScores,
    RegressionEvaluation,
    RegressionMember,
    RunSpec,
    Scores,
    SelectivePrediction,
    TargetScores,
)
from deepchord.shared.storage import RunStore
from tests.coordinator.followed_run import NOW, TRAINER

SCORES = Scores(loss=0.5, accuracy=0.9)
PROBABILITIES = b"npz"


def evaluation_with(run: RunSpec, gain: MemberGain | None, trained: int | None = None) -> EnsembleEvaluation:
    """Return an evaluation of a run after which one more member would bring so much."""
    trained = trained or run.members
    estimate = Estimate(value=0.5, low=0.5, high=0.5)
    fields: Any = dict.fromkeys(ProbabilityScores.model_fields, estimate)
    uncertainty = EnsembleUncertainty(
        members=(),
        mean=ProbabilityScores(**fields),
        reliability=(),
        selective=SelectivePrediction(
            source="test_images", area_under_risk_coverage=0.1, area_under_generalized_risk=0.1
        ),
        next_member=gain,
    )
    return EnsembleEvaluation(
        requested=run.members,
        trained=trained,
        evaluator=TRAINER,
        evaluated_at=NOW,
        duration_s=1,
        members=tuple(MemberEvaluation(index=index, train=SCORES, test=SCORES) for index in range(trained)),
        train=SCORES,
        test=SCORES,
        confusion=((1, 0), (0, 1)),
        misclassified=(),
        probabilities_sha256=hashlib.sha256(PROBABILITIES).hexdigest(),
        uncertainty=uncertainty,
    )


def numbers_with(run: RunSpec, gain: NumberGain | None) -> RegressionEvaluation:
    """Return an evaluation of a run that predicts a number, after which one more member would bring so much."""
    scores = (
        TargetScores(
            root_mean_squared_error=1.0,
            mean_absolute_error=0.8,
            r_squared=0.5,
            negative_log_likelihood=-0.5,
            continuous_ranked_probability_score=0.4,
        ),
    )
    return RegressionEvaluation(
        requested=run.members,
        trained=run.members,
        evaluator=TRAINER,
        evaluated_at=NOW,
        duration_s=1,
        members=tuple(RegressionMember(index=index, train=scores, test=scores) for index in range(run.members)),
        train=scores,
        test=scores,
        next_member=gain,
        predictions_sha256=hashlib.sha256(PROBABILITIES).hexdigest(),
    )


def gain_of(share: float) -> MemberGain:
    """Return that one more member would lower the loss by this share of it."""
    return MemberGain(images=9, members_per_image=2, loss=0.5, fall=0.5 * share)


def evaluate(store: RunStore, run: RunSpec, share: float) -> None:
    """Record that a run is evaluated, and by which share of it one more member would lower the loss."""
    assert store.evaluation(run).commit_result(evaluation_with(run, gain_of(share)), PROBABILITIES)
