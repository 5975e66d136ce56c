"""The members that are to be evaluated, and how they predict, one after the other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.errors import CheckpointError, StorageError
from deepchord.shared.messages import Trainer
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines import Engine, Network
from deepchord.worker.evaluation.prediction import predict

logger = logging.getLogger(__name__)

#: Returns a member's outputs, float32 [size, outputs], of images [size, height, width, channels]: probabilities, or
#: what tells numbers and their variances.
Predict = Callable[[NDArray[Any]], NDArray[np.float32]]

#: Is told of a member: its index, its outputs for the test images, float32 [test_size, outputs], and a function that
#: returns those for any other images.
Observe = Callable[[int, NDArray[np.float32], Predict], None]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A member to be evaluated."""

    index: int
    network: ResolvedArchitecture
    #: Reads the weights; called when the member's turn comes.
    weights: Callable[[], Weights]
    #: Reads the outputs that the member computed of the test images after its training, float32 [test_size, outputs].
    own_outputs: Callable[[], NDArray[np.float32]] | None = None
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


class MemberPredictors:
    """Makes members predict, one after the other; one network is in memory at a time."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._last: tuple[ResolvedArchitecture, Network] | None = None

    def prediction(self, candidate: Candidate) -> Predict:
        """Return a function that returns a member's outputs for images; only until the next member's is asked for.

        Raises:
            CheckpointError: Its weights give NaN; the message names it. So does the function.
        """
        network = self._network(candidate.network)
        network.set_weights(candidate.weights())
        return _prediction(self._evaluator, candidate, network)

    def _network(self, architecture: ResolvedArchitecture) -> Network:
        """Return a network; the last one again if it has the same architecture."""
        if self._last is None or self._last[0] != architecture:
            self._last = None  # frees its memory before the next one is built
            self._last = architecture, self._evaluator.engine.build(architecture)
        return self._last[1]


def parity(candidate: Candidate, outputs: NDArray[np.float32]) -> float | None:
    """Return the largest difference from the member's own outputs for the test; None: it has none that can be read."""
    if candidate.own_outputs is None:
        return None
    try:
        own = candidate.own_outputs()
    except StorageError as error:  # the evaluation is worth more than this comparison
        logger.warning("The own outputs of member %d cannot be compared: %s", candidate.index, error)
        return None
    return float(np.abs(own - outputs).max())


def _prediction(evaluator: Evaluator, candidate: Candidate, network: Network) -> Predict:
    """Return a function that returns a member's outputs for images."""
    size = candidate.network.outputs.size

    def predict_images(images: NDArray[Any]) -> NDArray[np.float32]:
        outputs = predict(network, images, size, evaluator.advance, evaluator.threads)
        if not np.isfinite(outputs).all():
            raise CheckpointError(
                f"The weights of member {candidate.index} give NaN instead of {_expected(candidate)}: they are "
                "damaged, or this engine cannot compute with them."
            )
        return outputs

    return predict_images


def _expected(candidate: Candidate) -> str:
    return "numbers" if candidate.network.outputs.targets else "probabilities"
