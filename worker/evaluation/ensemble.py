"""Evaluates an ensemble: weights one member after another through one network, probabilities averaged."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import (
    EnsembleProbabilities,
    Weights,
    decode_checkpoint,
    decode_member_probabilities,
    encode_ensemble_probabilities,
)
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CheckpointError, StorageError
from deepchord.shared.messages import EnsembleEvaluation, MemberEvaluation, RunSpec, TrainedMember, Trainer
from deepchord.shared.network import Architecture, ResolvedArchitecture
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import Engine, Network
from deepchord.worker.evaluation.metrics import RunningMean, confusion, misclassified, score
from deepchord.worker.evaluation.prediction import predict

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A member to be evaluated; its weights are read when it is its turn."""

    index: int
    weights: Callable[[], Weights]
    #: None: that of all members.
    network: ResolvedArchitecture | None = None
    #: The test probabilities that the member itself computed, float32 [test_size, classes], if there are any.
    own_probabilities: Callable[[], NDArray[np.float32]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedEnsemble:
    """An evaluation and the averaged probabilities that it is of."""

    evaluation: EnsembleEvaluation
    #: `.npz` with `train` and `test`, float32 [size, classes], as it goes into storage.
    probabilities: bytes
    #: float32 [test_size, classes].
    test_probabilities: NDArray[np.float32]


def evaluate(
    engine: Engine,
    trainer: Trainer,
    architecture: Architecture | None,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    advance: Callable[[], None] = lambda: None,
    threads: int = 1,
) -> EvaluatedEnsemble:
    """Evaluate an ensemble on all training and test images; one member's weights are in memory at a time.

    Args:
        engine: What predicts.
        trainer: Who evaluates, for the result.
        architecture: The network of all members that have none of their own; None: each has its own.
        dataset: The images and labels.
        candidates: The members, at least one; each network is built anew when it follows on another.
        requested: How many members were asked for.
        advance: Called when a step has ended.
        threads: How many threads predict at once, see `Engine.parallel_predictions`.

    Raises:
        CheckpointError: A member's weights give no probabilities; it is named.
    """
    started = time.monotonic()
    classes = len(dataset.class_names)
    networks = _Networks(engine)
    if architecture is not None:
        networks.of(architecture.resolve(input_shape=dataset.x_train.shape[1:], classes=classes))
    train_mean = RunningMean(len(dataset.x_train), classes)
    test_mean = RunningMean(len(dataset.x_test), classes)
    members = []
    for candidate in candidates:
        network = networks.of(candidate.network)
        network.set_weights(candidate.weights())
        on_train = predict(network, dataset.x_train, classes, advance, threads)
        on_test = predict(network, dataset.x_test, classes, advance, threads)
        _check_finite(candidate, on_train, on_test)
        train_mean.add(on_train)
        test_mean.add(on_test)
        members.append(
            MemberEvaluation(
                index=candidate.index,
                train=score(on_train, dataset.y_train),
                test=score(on_test, dataset.y_test),
                parity=_parity(candidate, on_test),
                predicted_classes=len(np.unique(on_test.argmax(axis=1))),
            )
        )
    on_train, on_test = train_mean.mean(), test_mean.mean()
    probabilities = encode_ensemble_probabilities(EnsembleProbabilities(train=on_train, test=on_test))
    evaluation = EnsembleEvaluation(
        requested=requested,
        trained=len(members),
        evaluator=trainer,
        evaluated_at=datetime.now(UTC),
        duration_s=time.monotonic() - started,
        members=tuple(sorted(members, key=lambda member: member.index)),
        train=score(on_train, dataset.y_train),
        test=score(on_test, dataset.y_test),
        confusion=confusion(on_test, dataset.y_test, classes),
        misclassified=misclassified(on_test, dataset.y_test),
        probabilities_sha256=hashlib.sha256(probabilities).hexdigest(),
    )
    return EvaluatedEnsemble(evaluation=evaluation, probabilities=probabilities, test_probabilities=on_test)


def run_candidates(store: RunStore, run: RunSpec, members: Iterable[TrainedMember]) -> Iterable[Candidate]:
    """Return the trained members of a run as candidates, their weights and probabilities verified when read."""
    architecture = run.architecture.resolve(input_shape=run.dataset.input_shape, classes=run.dataset.classes)
    for member in members:
        index, attempt = member.spec.index, member.attempt

        def weights(member: TrainedMember = member, index: int = index, attempt: int = attempt) -> Weights:
            data = store.member(run.run_id, index).weights(attempt, member.weights_sha256)
            return decode_checkpoint(data, architecture, f"weights of member {index} of run {run.run_id}")

        def own(member: TrainedMember = member, index: int = index, attempt: int = attempt) -> NDArray[np.float32]:
            data = store.member(run.run_id, index).probabilities(attempt, member.probabilities_sha256)
            return decode_member_probabilities(data, f"Probabilities of member {index} of run {run.run_id}")

        yield Candidate(index=index, weights=weights, own_probabilities=own)


class _Networks:
    """Builds the networks of members; one is in memory at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._built: tuple[ResolvedArchitecture, Network] | None = None

    def of(self, architecture: ResolvedArchitecture | None) -> Network:
        """Return a network; None: the last one once more."""
        if self._built is not None and architecture in (None, self._built[0]):
            return self._built[1]
        assert architecture is not None, "the members have no network"  # noqa: S101  for the type checker
        self._built = None  # two are never needed
        self._built = architecture, self._engine.build(architecture)
        return self._built[1]


def _check_finite(candidate: Candidate, *probabilities: NDArray[np.float32]) -> None:
    if not all(np.isfinite(part).all() for part in probabilities):
        raise CheckpointError(
            f"The weights of member {candidate.index} give NaN instead of probabilities: they are damaged, "
            "or this engine cannot compute with them."
        )


def _parity(candidate: Candidate, probabilities: NDArray[np.float32]) -> float | None:
    if candidate.own_probabilities is None:
        return None
    try:
        own = candidate.own_probabilities()
    except StorageError as error:  # a comparison, not worth an evaluation
        logger.warning("The own probabilities of member %d cannot be compared: %s", candidate.index, error)
        return None
    return min(1.0, float(np.abs(own - probabilities).max()))
