"""Evaluates an ensemble: each member predicts all images, then the probabilities are averaged and scored."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import (
    EnsembleProbabilities,
    Weights,
    encode_ensemble_probabilities,
)
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CheckpointError, StorageError
from deepchord.shared.messages import EnsembleEvaluation, MemberEvaluation, Trainer
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines import Engine, Network
from deepchord.worker.evaluation.metrics import RunningMean, balanced, confusion, misclassified, score
from deepchord.worker.evaluation.prediction import predict
from deepchord.worker.evaluation.uncertainty import UncertaintyCollector

logger = logging.getLogger(__name__)

#: Returns a member's probabilities, float32 [size, classes], of images [size, height, width, channels].
Predict = Callable[[NDArray[Any]], NDArray[np.float32]]

#: Is told of a member: its index, its probabilities of the test images, float32 [test_size, classes], and a function
#: that returns those of any other images.
Observe = Callable[[int, NDArray[np.float32], Predict], None]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A member to be evaluated."""

    index: int
    network: ResolvedArchitecture
    #: Reads the weights; called when the member's turn comes.
    weights: Callable[[], Weights]
    #: Reads the test probabilities that the member computed after its training, float32 [test_size, classes].
    own_probabilities: Callable[[], NDArray[np.float32]] | None = None
    #: Returns the indices of the training images that the member held out for its validation; None: not known.
    held_out: Callable[[], NDArray[np.int64]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluator:
    """Who evaluates, and with how many threads."""

    engine: Engine
    #: Named in the result.
    trainer: Trainer
    #: How many threads predict at the same time; see `Engine.parallel_predictions`.
    threads: int = 1
    #: Called when a step has ended; may raise, and so end the evaluation.
    advance: Callable[[], None] = lambda: None


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
    networks = _Networks(evaluator.engine)
    train_mean = RunningMean(len(dataset.x_train), classes)
    collector = UncertaintyCollector(dataset.y_train, dataset.y_test, classes, calibration_images)
    members = []
    for candidate in candidates:
        network = networks.build(candidate.network)
        network.set_weights(candidate.weights())
        predict_images = _prediction(evaluator, candidate, network, classes)
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


class _Networks:
    """Builds the networks of members; one is in memory at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: tuple[ResolvedArchitecture, Network] | None = None

    def build(self, architecture: ResolvedArchitecture) -> Network:
        """Return a network; the last one again if it has the same architecture."""
        if self._last is None or self._last[0] != architecture:
            self._last = None  # frees its memory before the next one is built
            self._last = architecture, self._engine.build(architecture)
        return self._last[1]


def _evaluate_member(
    candidate: Candidate, dataset: Dataset, on_train: NDArray[np.float32], on_test: NDArray[np.float32]
) -> MemberEvaluation:
    return MemberEvaluation(
        index=candidate.index,
        train=score(on_train, dataset.y_train),
        test=score(on_test, dataset.y_test),
        parity=_parity(candidate, on_test),
        predicted_classes=len(np.unique(on_test.argmax(axis=1))),
        balanced=balanced(on_test, dataset.y_test),
    )


def _prediction(evaluator: Evaluator, candidate: Candidate, network: Network, classes: int) -> Predict:
    """Return a function that returns a member's probabilities of images."""

    def predict_images(images: NDArray[Any]) -> NDArray[np.float32]:
        probabilities = predict(network, images, classes, evaluator.advance, evaluator.threads)
        if not np.isfinite(probabilities).all():
            raise CheckpointError(
                f"The weights of member {candidate.index} give NaN instead of probabilities: they are damaged, "
                "or this engine cannot compute with them."
            )
        return probabilities

    return predict_images


def _parity(candidate: Candidate, probabilities: NDArray[np.float32]) -> float | None:
    """Return the largest difference from the member's own test probabilities; None if it has none that can be read."""
    if candidate.own_probabilities is None:
        return None
    try:
        own = candidate.own_probabilities()
    except StorageError as error:  # the evaluation is worth more than this comparison
        logger.warning("The own probabilities of member %d cannot be compared: %s", candidate.index, error)
        return None
    return min(1.0, float(np.abs(own - probabilities).max()))
