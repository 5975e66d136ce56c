"""What an engine must offer; the frameworks themselves are imported in their own modules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.errors import EngineError
from deepchord.shared.messages import Precision, Recipe
from deepchord.shared.network import ResolvedArchitecture

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that an engine can train on."""

    #: As the engine calls it: `CPU:0`, `GPU:1`, `cuda:0` …
    id: str
    kind: Literal["cpu", "gpu"]
    #: What the hardware calls itself.
    name: str
    #: None where the engine does not tell.
    memory_bytes: int | None = None
    #: Whether settings of the engine itself choose it: then workers are started for no other, unless asked for.
    is_preferred: bool = False
    #: Driver, settings and the like, for reports of trouble.
    details: Mapping[str, object] = field(default_factory=dict)


class Batch(NamedTuple):
    """What one training step takes."""

    #: [size, height, width, channels], float32.
    images: Images
    #: [size], class indices.
    labels: Labels
    learning_rate: float


class Network(Protocol):
    """One network on one engine: what training and evaluation ask of it."""

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        ...

    def optimizer_state(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of all that the optimizer carries from step to step, in an order of the engine's own."""
        ...

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Let the optimizer go on from a state that a network with the same recipe had on the same engine.

        Raises:
            EngineError: The arrays are not those that this optimizer has.
        """
        ...

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Take one training step for each batch; end early if a loss is no number.

        Args:
            batches: All of one size, only the last may be smaller.
            dropout_seed: Decides the dropout masks of this epoch, in [0, 2**32).
            on_batch: Called after each batch with its number from 0; what it raises ends the training.

        Returns:
            Mean loss in nats (cross-entropy; with label smoothing against the smoothed labels) and mean accuracy over
            the images as they were trained.
        """
        ...

    def probabilities(self, images: Images) -> Probabilities:
        """Return the class probabilities [size, classes] of images [size, height, width, channels]."""
        ...


class Engine(Protocol):
    """A framework on this host."""

    @property
    def name(self) -> str:
        """`tensorflow`, `torch`, `jax` or `plaidml`."""
        ...

    @property
    def version(self) -> str:
        """The versions that decide its numbers."""
        ...

    @property
    def device(self) -> Device:
        """What this process trains on."""
        ...

    def devices(self) -> tuple[Device, ...]:
        """Return what it can train on, best first."""
        ...

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> Network:
        """Return a network whose weights are to be set before it is used; with a recipe it can be trained."""
        ...

    def precision(self, recipe: Recipe) -> Precision:
        """Return in what this device multiplies when it trains with a recipe."""
        ...

    def parallel_predictions(self) -> int:
        """Return how many threads may ask a network for probabilities at once and gain by it.

        More than one where training has fewer threads than there are cores: on PyTorch, and on TensorFlow with one.
        """
        ...


def check_optimizer_state(state: tuple[NDArray[Any], ...], wanted: Iterable[tuple[int, ...]]) -> None:
    """Raise `EngineError` unless the arrays have these shapes."""
    found, expected = [array.shape for array in state], list(wanted)
    if found != expected:
        raise EngineError(f"The optimizer's state does not fit: expected arrays of {expected}, found {found}.")


def find_device(engine: str, devices: Sequence[Device], wanted: str | None) -> Device:
    """Return the device with an id, the first of a kind (`gpu`, `cpu`), or the first of all.

    Raises:
        EngineError: There is none; what there is instead is listed.
    """
    found = next((device for device in devices if wanted in (None, device.id, device.kind)), None)
    if found is not None:
        return found
    listed = ", ".join(device.id for device in devices) or "none"
    what = {None: "device", "gpu": "GPU", "cpu": "processor"}.get(wanted, f"device {wanted}")
    raise EngineError(f"{engine} has no {what} here; it has: {listed}. `deepchord devices` tells more.")
