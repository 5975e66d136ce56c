"""The state of a member's training after an epoch: another process can read it and go on with the same result.

It has no random state: shuffling and dropout of each epoch depend on the member's seeds and the epoch's number only.
"""

import io
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.errors import CheckpointError, DatasetError, MessageDecodeError
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.messages import EpochMetrics, TrainingPart
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.validation import Message

_MAX_OPTIMIZER_ARRAYS: Final = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """The training state of a member between two epochs."""

    weights: Weights
    #: The optimizer's arrays in the engine's order; empty: the optimizer starts afresh.
    optimizer: tuple[NDArray[Any], ...] = ()
    #: The weights of the best epoch so far.
    best_weights: Weights
    #: Counted from 1; 0 before the first epoch.
    best_epoch: int = 0
    history: tuple[EpochMetrics, ...] = ()

    def followed_by(
        self, metrics: EpochMetrics, weights: Weights, optimizer: tuple[NDArray[Any], ...]
    ) -> "TrainingState":
        """Return the state after one more epoch.

        The new epoch is compared with `best_epoch` only, not with all of the history: earlier versions chose the best
        epoch by accuracy alone, and only its weights were kept.

        Args:
            metrics: The metrics of the epoch.
            weights: The weights after the epoch.
            optimizer: The optimizer's arrays after the epoch.
        """
        history = (*self.history, metrics)
        is_best = not self.best_epoch or is_better(metrics, self.history[self.best_epoch - 1])
        return TrainingState(
            weights=weights,
            optimizer=optimizer,
            best_weights=weights if is_best else self.best_weights,
            best_epoch=len(history) if is_best else self.best_epoch,
            history=history,
        )


def is_better(epoch: EpochMetrics, best: EpochMetrics) -> bool:
    """Return whether an epoch is better than the best so far: higher validation accuracy, or equal and a lower loss.

    Where numbers or labels are predicted there is no accuracy, and the loss decides. A small validation split has few
    possible accuracies, and many epochs reach the highest. Their losses differ.
    """
    accuracy, highest = epoch.validation_accuracy or 0.0, best.validation_accuracy or 0.0
    if accuracy != highest:
        return accuracy > highest
    return epoch.validation_loss < best.validation_loss


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedTraining:
    """A training state as it is stored, and which attempts trained which epochs."""

    state: TrainingState
    parts: tuple[TrainingPart, ...]


class _Header(Message):
    protocol: Literal[1] = 1
    history: tuple[EpochMetrics, ...] = Field(min_length=1)
    best_epoch: PositiveInt
    parts: tuple[TrainingPart, ...] = Field(min_length=1)
    optimizer_arrays: Annotated[NonNegativeInt, Field(le=_MAX_OPTIMIZER_ARRAYS)]

    @model_validator(mode="after")
    def _check_epochs(self) -> "_Header":
        if self.best_epoch > len(self.history):
            raise ValueError(f"best_epoch is {self.best_epoch}, but the history has {len(self.history)} epochs")
        trained = sum(part.epochs for part in self.parts)
        if trained != len(self.history):
            raise ValueError(f"its parts have {trained} epochs, its history {len(self.history)}")
        return self


def encode_training(saved: SavedTraining) -> bytes:
    """Return a training state as the bytes of an `.npz`; the best weights are left out if they are the newest ones."""
    state = saved.state
    header = _Header(
        history=state.history,
        best_epoch=state.best_epoch,
        parts=saved.parts,
        optimizer_arrays=len(state.optimizer),
    )
    arrays: dict[str, NDArray[Any]] = {"header": np.frombuffer(header.model_dump_json().encode(), dtype=np.uint8)}
    kinds = ["weights"] if state.best_epoch == len(state.history) else ["weights", "best"]
    for kind, weights in zip(kinds, (state.weights, state.best_weights), strict=False):
        flat = (array for layer in weights for array in layer)
        arrays |= {f"{kind}-{number}": array for number, array in enumerate(flat)}
    arrays |= {f"optimizer-{number}": array for number, array in enumerate(state.optimizer)}
    return write_npz(arrays)


def decode_training(data: bytes, architecture: ResolvedArchitecture, source: str) -> SavedTraining:
    """Return the training state that `encode_training` wrote.

    Args:
        data: The bytes of the `.npz`.
        architecture: The network that the weights must fit.
        source: Where the data comes from, for error messages.

    Raises:
        CheckpointError: The data is damaged, or of another network.
    """
    try:
        (header,) = read_npz(io.BytesIO(data), source, ("header",)).values()
        decoded = _Header.decode(header.tobytes(), source)
        weights = _read_weights(data, "weights", architecture, source)
        newest_is_best = decoded.best_epoch == len(decoded.history)
        best = weights if newest_is_best else _read_weights(data, "best", architecture, source)
        names = tuple(f"optimizer-{number}" for number in range(decoded.optimizer_arrays))
        optimizer = tuple(read_npz(io.BytesIO(data), source, names).values())
    except (DatasetError, MessageDecodeError) as error:
        raise CheckpointError(str(error)) from error
    if not all(array.dtype.kind in "fiu" for array in optimizer):
        raise CheckpointError(f"{source}: the optimizer's arrays are no numbers.")
    state = TrainingState(
        weights=weights, optimizer=optimizer, best_weights=best, best_epoch=decoded.best_epoch, history=decoded.history
    )
    return SavedTraining(state=state, parts=decoded.parts)


def _read_weights(data: bytes, kind: str, architecture: ResolvedArchitecture, source: str) -> Weights:
    shapes = [[weight.shape for weight in layer.weights] for layer in weighted_layers(architecture)]
    names = tuple(f"{kind}-{number}" for number in range(sum(map(len, shapes))))
    arrays = iter(read_npz(io.BytesIO(data), source, names).values())
    return tuple(tuple(_checked(next(arrays), shape, source) for shape in layer) for layer in shapes)


def _checked(array: NDArray[Any], shape: tuple[int, ...], source: str) -> NDArray[np.float32]:
    if array.shape != shape or array.dtype != np.float32:
        raise CheckpointError(
            f"{source} does not fit the network: it has {array.dtype} of shape {array.shape}, expected float32 {shape}."
        )
    if not np.isfinite(array).all():
        raise CheckpointError(f"{source} holds NaN or infinite weights.")
    return array
