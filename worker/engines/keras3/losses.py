"""What networks of Keras 3 learn by, for each kind of task."""

import math
from typing import Any

from deepchord.shared.messages import Recipe
from deepchord.shared.network import Task
from deepchord.shared.regression import LEAST_VARIANCE
from deepchord.worker.engines.keras3.backend import Loss

#: Smaller probabilities count as this. With Keras's 1e-7, a confident wrong prediction would give no gradient.
_LEAST_PROBABILITY = 1e-37


def make_loss(keras: Any, recipe: Recipe, task: Task) -> Loss:
    """Return what a network is trained by.

    Args:
        keras: Keras 3.
        recipe: Says what changes the loss.
        task: What the network predicts.
    """
    match task:
        case "regression":
            return _gaussian(keras, recipe.beta_nll)
        case "multilabel":
            return _binary_cross_entropy(keras)
        case "classification":
            return _cross_entropy(keras, recipe.label_smoothing)


def _cross_entropy(keras: Any, smoothing: float) -> Loss:
    """Return the cross-entropy against smoothed labels, and whether the most probable class is the label.

    Labels are class indices [size], or probabilities [size, classes], of which the most probable class is the label.
    """
    ops = keras.ops

    def loss(labels: Any, probabilities: Any, weights: Any) -> tuple[Any, Any]:
        logs = ops.log(ops.clip(probabilities, _LEAST_PROBABILITY, 1.0))
        if len(labels.shape) == 2:
            losses, labels = -ops.sum(ops.multiply(labels, logs), axis=1), ops.argmax(labels, axis=1)
        else:
            losses = -ops.squeeze(ops.take_along_axis(logs, labels[:, None], axis=1), axis=1)
        if smoothing:
            losses = (1 - smoothing) * losses - smoothing * ops.mean(logs, axis=1)
        if weights is not None:
            losses = ops.multiply(losses, weights)
        return losses, ops.cast(ops.equal(ops.argmax(probabilities, axis=1), labels), "float32")

    return loss


def _binary_cross_entropy(keras: Any) -> Loss:
    """Return the binary cross-entropy of labels by their logits, and the share of wrong ones, both over the labels."""
    ops = keras.ops

    def loss(labels: Any, logits: Any, weights: Any) -> tuple[Any, Any]:
        losses = ops.mean(ops.softplus(logits) - ops.multiply(labels, logits), axis=1)
        if weights is not None:
            losses = ops.multiply(losses, weights)
        wrong = ops.not_equal(ops.greater(logits, 0.0), ops.greater(labels, 0.5))
        return losses, ops.mean(ops.cast(wrong, "float32"), axis=1)

    return loss


def _gaussian(keras: Any, beta: float) -> Loss:
    """Return the negative log-likelihood of numbers, and their squared error, both averaged over the targets.

    Each network output is a mean or tells a variance; see `deepchord.shared.regression.means_and_variances`. Numbers
    with variances, [size, 2 targets], are normally distributed: the loss is then the expected one, the cross-entropy of
    the two distributions, and the error is that from their means. With beta each loss is multiplied by its variance to
    the power of beta, through which no gradient goes (Seitzer et al. 2022, eq. 5).
    """
    ops = keras.ops

    def loss(numbers: Any, outputs: Any, weights: Any) -> tuple[Any, Any]:
        targets = outputs.shape[1] // 2
        variances = ops.softplus(outputs[:, targets:]) + LEAST_VARIANCE
        squared = ops.square(ops.subtract(numbers[:, :targets], outputs[:, :targets]))
        expected = ops.add(squared, numbers[:, targets:]) if numbers.shape[1] > targets else squared
        losses = 0.5 * (ops.log(variances) + expected / variances + math.log(2 * math.pi))
        if beta:
            losses = losses * ops.power(ops.stop_gradient(variances), beta)
        losses = ops.mean(losses, axis=1)
        if weights is not None:
            losses = ops.multiply(losses, weights)
        return losses, ops.mean(squared, axis=1)

    return loss
