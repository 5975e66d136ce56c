"""Evaluates an ensemble: each member predicts all images, then the probabilities are averaged and scored."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import EnsembleProbabilities, encode_ensemble_probabilities
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import EnsembleEvaluation, MemberEvaluation
from deepchord.worker.evaluation.candidates import Candidate, Evaluator, MemberPredictors, Observe, parity
from deepchord.worker.evaluation.metrics import RunningMean, balanced, confusion, misclassified, score
from deepchord.worker.evaluation.uncertainty import UncertaintyCollector


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedEnsemble:
    """An evaluation, and the averaged probabilities that it scores."""

    evaluation: EnsembleEvaluation
    #: `probabilities` as the bytes of an `.npz` for storage; `evaluation.probabilities_sha256` is their SHA-256.
    encoded_probabilities: bytes
    probabilities: EnsembleProbabilities


def evaluate_members(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    calibration_images: NDArray[np.int64] | None = None,
    observe: Observe | None = None,
) -> EvaluatedEnsemble:
    """Evaluate an ensemble on all training and test images; one member's weights are in memory at a time.

    Args:
        evaluator: The engine that predicts.
        dataset: The images and labels.
        candidates: The members, at least one. A network is built anew only if it differs from the one before.
        requested: How many members were asked for.
        calibration_images: Indices of the training images that no member was trained on; None: there are none.
        observe: Called once for each member; None: nobody is told.

    Raises:
        CheckpointError: A member's weights give NaN instead of probabilities; the message names the member.
    """
    started = time.monotonic()
    classes = len(dataset.class_names)
    predictors = MemberPredictors(evaluator)
    train_mean = RunningMean(len(dataset.x_train), classes)
    collector = UncertaintyCollector(dataset.y_train, dataset.y_test, classes, calibration_images)
    members = []
    for candidate in candidates:
        predict_images = predictors.prediction(candidate)
        on_train, on_test = predict_images(dataset.x_train), predict_images(dataset.x_test)
        train_mean.add(on_train)
        held_out = candidate.held_out() if candidate.held_out is not None else None
        collector.add(candidate.index, on_train, on_test, held_out)
        members.append(_evaluate_member(candidate, dataset, on_train, on_test))
        if observe is not None:
            observe(candidate.index, on_test, predict_images)
        evaluator.advance()
    train = train_mean.mean()
    measured = collector.result()
    test = measured.test_mean
    averaged = EnsembleProbabilities(
        train=train,
        test=test,
        calibrated_test=measured.calibrated_test,
        test_uncertainty=measured.images,
        test_predictions=measured.predictions,
    )
    encoded = encode_ensemble_probabilities(averaged)
    evaluation = EnsembleEvaluation(
        requested=requested,
        trained=len(members),
        evaluator=evaluator.trainer,
        evaluated_at=datetime.now(UTC),
        duration_s=time.monotonic() - started,
        members=tuple(sorted(members, key=lambda member: member.index)),
        train=score(train, dataset.y_train),
        test=score(test, dataset.y_test),
        confusion=tuple(map(tuple, confusion(test, dataset.y_test).tolist())),
        misclassified=misclassified(test, dataset.y_test),
        probabilities_sha256=hashlib.sha256(encoded).hexdigest(),
        uncertainty=measured.uncertainty,
        balanced=balanced(test, dataset.y_test),
    )
    return EvaluatedEnsemble(evaluation=evaluation, encoded_probabilities=encoded, probabilities=averaged)


def _evaluate_member(
    candidate: Candidate, dataset: Dataset, on_train: NDArray[np.float32], on_test: NDArray[np.float32]
) -> MemberEvaluation:
    return MemberEvaluation(
        index=candidate.index,
        train=score(on_train, dataset.y_train),
        test=score(on_test, dataset.y_test),
        parity=_probability_parity(candidate, on_test),
        predicted_classes=len(np.unique(on_test.argmax(axis=1))),
        balanced=balanced(on_test, dataset.y_test),
    )


def _probability_parity(candidate: Candidate, on_test: NDArray[np.float32]) -> float | None:
    difference = parity(candidate, on_test)
    # Rounding may make it a little more than 1.
    return None if difference is None else min(1.0, difference)
