"""What members learn from the labels of a data set, and how an epoch is measured, for each kind of task."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import EpochMetrics
from deepchord.shared.multilabel import label_losses
from deepchord.shared.network import Task
from deepchord.shared.regression import gaussian_losses, means_and_variances, standardised
from deepchord.worker.engines import Outputs
from deepchord.worker.evaluation import score


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The loss in nats of some images, and their accuracy, mean squared error or share of wrong labels."""

    loss: float
    score: float


class Objective(Protocol):
    """What is learnt and measured."""

    def learnt(self, dataset: Dataset) -> NDArray[Any]:
        """Return what a network is to say of each training image or row, as batches carry it."""
        ...

    def measure(self, outputs: Outputs, learnt: NDArray[Any]) -> Measured:
        """Return how good a network's outputs are, [size, outputs], of images whose `learnt` is given, [size, ...]."""
        ...

    def epoch(self, train: Measured, validation: Measured, duration_s: float) -> EpochMetrics:
        """Return the metrics of an epoch."""
        ...


class ClassObjective:
    """The cross-entropy and the accuracy of classes."""

    def learnt(self, dataset: Dataset) -> NDArray[Any]:
        """Return the class indices, [train_size]."""
        return dataset.y_train

    def measure(self, outputs: Outputs, learnt: NDArray[Any]) -> Measured:
        """Return cross-entropy and accuracy of probabilities."""
        scores = score(outputs, learnt)
        return Measured(loss=scores.loss, score=scores.accuracy)

    def epoch(self, train: Measured, validation: Measured, duration_s: float) -> EpochMetrics:
        """Return losses and accuracies."""
        return EpochMetrics(
            train_loss=train.loss,
            # A device that sums shares in float32 may return a little more than 1.
            train_accuracy=min(1.0, train.score),
            validation_loss=validation.loss,
            validation_accuracy=validation.score,
            duration_s=duration_s,
        )


class NumberObjective:
    """The negative log-likelihood and the error of standardised numbers."""

    def learnt(self, dataset: Dataset) -> NDArray[Any]:
        """Return the standardised numbers, float32 [train_size, targets]."""
        return standardised(dataset.y_train, dataset.targets).astype(np.float32)

    def measure(self, outputs: Outputs, learnt: NDArray[Any]) -> Measured:
        """Return negative log-likelihood and mean squared error, averaged over the targets."""
        means, variances = means_and_variances(outputs)
        return Measured(
            loss=float(gaussian_losses(means, variances, learnt).mean()), score=float(np.mean((learnt - means) ** 2))
        )

    def epoch(self, train: Measured, validation: Measured, duration_s: float) -> EpochMetrics:
        """Return losses and root mean squared errors."""
        return EpochMetrics(
            train_loss=train.loss,
            train_error=math.sqrt(max(0.0, train.score)),
            validation_loss=validation.loss,
            validation_error=math.sqrt(validation.score),
            duration_s=duration_s,
        )


class LabelObjective:
    """The binary cross-entropy of labels, and the share of them that are predicted wrong."""

    def learnt(self, dataset: Dataset) -> NDArray[Any]:
        """Return 1 for each label that applies and else 0, float32 [train_size, labels]."""
        return dataset.y_train.astype(np.float32)

    def measure(self, outputs: Outputs, learnt: NDArray[Any]) -> Measured:
        """Return binary cross-entropy and Hamming loss of probabilities, averaged over the labels."""
        losses = label_losses(outputs, learnt)
        return Measured(loss=losses.negative_log_likelihood, score=losses.hamming_loss)

    def epoch(self, train: Measured, validation: Measured, duration_s: float) -> EpochMetrics:
        """Return losses and shares of wrong labels."""
        return EpochMetrics(
            train_loss=train.loss,
            # A device that sums shares in float32 may return a little less than 0.
            train_error=max(0.0, train.score),
            validation_loss=validation.loss,
            validation_error=validation.score,
            duration_s=duration_s,
        )


_OBJECTIVES: Mapping[Task, type[ClassObjective] | type[NumberObjective] | type[LabelObjective]] = {
    "classification": ClassObjective,
    "regression": NumberObjective,
    "multilabel": LabelObjective,
}


def objective_of(dataset: Dataset) -> Objective:
    """Return the objective of a data set, by what it wants predicted."""
    return _OBJECTIVES[dataset.task]()
