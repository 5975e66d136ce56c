"""What networks of Keras 2 learn by, for each kind of task, with the formulas of Keras 3."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Recipe
from deepchord.shared.network import Task
from deepchord.shared.regression import LEAST_VARIANCE
from deepchord.worker.engines.engine import Batch

#: A smaller weight of an image counts as this.
_LEAST_WEIGHT = np.float32(1e-30)


class Learner(Protocol):
    """The loss and the metric of a task, and the arrays that they take."""

    #: What `compile` takes.
    loss: Any
    metric: Any

    def labels(self, batch: Batch) -> NDArray[np.float32]:
        """Return what is to be learnt of a batch, [size, some], with the weights of its images in it."""
        ...


class _ClassLearner:
    """The cross-entropy against smoothed labels, and the accuracy."""

    loss = "categorical_crossentropy"
    metric = "categorical_accuracy"

    def __init__(self, keras: Any, recipe: Recipe, outputs: int) -> None:
        del keras
        self._smoothing, self._classes = recipe.label_smoothing, outputs

    def labels(self, batch: Batch) -> NDArray[np.float32]:
        labels = batch.labels
        wanted = labels if labels.ndim == 2 else np.eye(self._classes, dtype=np.float32)[labels]
        smoothed = wanted * np.float32(1 - self._smoothing) + np.float32(self._smoothing / self._classes)
        if batch.weights is None:
            return smoothed
        # In the labels they weight the loss, but not the accuracy, whose class would be lost with a weight of 0.
        return smoothed * np.maximum(batch.weights, _LEAST_WEIGHT)[:, None]


class _NumberLearner:
    """The negative log-likelihood of numbers, and their squared error, both averaged over the targets.

    Labels have three parts, with a column for each target: the numbers, the weights of the images, and the variances
    of the numbers, which are 0 unless they are learnt as distributions. The loss is the expected one.
    """

    def __init__(self, keras: Any, recipe: Recipe, outputs: int) -> None:
        del recipe
        backend, targets = keras.backend, outputs // 2

        def squared_errors(labels: Any, given: Any) -> Any:
            return backend.square(labels[:, :targets] - given[:, :targets])

        def loss(labels: Any, given: Any) -> Any:
            raw = given[:, targets:]
            # log(1 + exp(raw)), which does not overflow for a large one.
            positive = backend.maximum(raw, backend.zeros_like(raw))
            variances = positive + backend.log(1.0 + backend.exp(-backend.abs(raw))) + LEAST_VARIANCE
            expected = squared_errors(labels, given) + labels[:, 2 * targets :]
            losses = 0.5 * (backend.log(variances) + expected / variances + math.log(2 * math.pi))
            return backend.mean(losses * labels[:, targets : 2 * targets], axis=-1)

        def metric(labels: Any, given: Any) -> Any:
            return backend.mean(squared_errors(labels, given), axis=-1)

        self.loss, self.metric, self._targets = loss, metric, targets

    def labels(self, batch: Batch) -> NDArray[np.float32]:
        learnt = batch.labels.astype(np.float32)
        numbers, variances = learnt[:, : self._targets], learnt[:, self._targets :]
        if not variances.size:
            variances = np.zeros_like(numbers)
        weights = np.ones(len(numbers), np.float32) if batch.weights is None else batch.weights
        return np.concatenate([numbers, np.repeat(weights[:, None], self._targets, axis=1), variances], axis=1)


class _LabelLearner:
    """The binary cross-entropy of labels by their logits, and the share of wrong ones, both averaged over the labels.

    A label that applies is given as the weight of its image, one that does not as its negative: Keras 2 wants as many
    numbers as outputs.
    """

    def __init__(self, keras: Any, recipe: Recipe, outputs: int) -> None:
        del recipe, outputs
        backend = keras.backend

        def loss(labels: Any, logits: Any) -> Any:
            applies = 0.5 * (1.0 + backend.sign(labels))
            positive = backend.maximum(logits, backend.zeros_like(logits))
            losses = positive + backend.log(1.0 + backend.exp(-backend.abs(logits))) - applies * logits
            return backend.mean(losses * backend.abs(labels), axis=-1)

        def metric(labels: Any, logits: Any) -> Any:
            return backend.mean(0.5 * (1.0 - backend.sign(labels) * backend.sign(logits)), axis=-1)

        self.loss, self.metric = loss, metric

    def labels(self, batch: Batch) -> NDArray[np.float32]:
        signs = 2 * batch.labels.astype(np.float32) - 1
        return signs if batch.weights is None else signs * np.maximum(batch.weights, _LEAST_WEIGHT)[:, None]


#: What makes the learner of each task: called with Keras 2, the recipe and the number of outputs.
LEARNERS: Mapping[Task, Callable[[Any, Recipe, int], Learner]] = {
    "classification": _ClassLearner,
    "regression": _NumberLearner,
    "multilabel": _LabelLearner,
}
