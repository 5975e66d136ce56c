"""The protocols of engines and networks; each framework implements them in its own module."""

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
#: What a network gives: probabilities [size, classes] or [size, labels], or for each number a mean and a variance,
#: [size, 2 targets]; see `deepchord.shared.regression.means_and_variances`.
Outputs = NDArray[np.float32]
#: Numbers to learn, [size, targets], standardised.
Numbers = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that an engine can train on."""

    #: The engine's own id: `CPU:0`, `GPU:1`, `cuda:0` …
    id: str
    kind: Literal["cpu", "gpu"]
    #: The name of the hardware.
    name: str
    #: None if the engine does not report it.
    memory_bytes: int | None = None
    #: Whether the engine's own settings select it. Then workers are started for no other device, unless asked for.
    is_preferred: bool = False
    #: Driver, settings and the like, for `deepchord doctor`.
    details: Mapping[str, object] = field(default_factory=dict)


class Batch(NamedTuple):
    """The inputs of one training step."""

    #: [size, height, width, channels], float32.
    images: Images
    #: [size], class indices; or [size, classes], the probabilities that the network is to learn; or [size, targets],
    #: the numbers of a regression; or [size, 2 targets], the means and then the variances that it is to learn; or
    #: [size, labels], 1 for labels that apply and else 0.
    labels: Labels | Probabilities | Numbers
    learning_rate: float
    #: How much each image counts, [size]; None: all count alike. A step follows the gradient of the mean over the size
    #: of the weighted losses, as Keras does.
    weights: NDArray[np.float32] | None = None


class Network(Protocol):
    """One network on one engine, as training and evaluation use it."""

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        ...

    def optimizer_state(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of the optimizer's arrays, in the engine's own order."""
        ...

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Set the optimizer's arrays to those of a network with the same recipe on the same engine.

        Raises:
            EngineError: The arrays do not fit this optimizer.
        """
        ...

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Take one training step for each batch; stop early if a loss is NaN or infinite.

        Args:
            batches: All have the same size; only the last may be smaller.
            dropout_seed: The seed of the dropout masks of this epoch, in [0, 2**32).
            on_batch: Called after each batch with its number, from 0; an error that it raises ends the training.

        Returns:
            Mean loss in nats and mean accuracy, both over the images as they were trained on, while the weights
            changed. The loss is the cross-entropy, against the smoothed labels if the recipe smooths them; or, of a
            network that predicts numbers, the negative log-likelihood of the standardised numbers, averaged over
            them, and expected if they have variances; and of labels the binary cross-entropy, averaged over them; it is
            weighted if the batches have weights. Numbers have the mean squared error instead of the accuracy, from the
            means if they have variances, labels the share of wrong ones.
        """
        ...

    def outputs(self, images: Images) -> Outputs:
        """Return what the last layer gives, [size, outputs], for images [size, height, width, channels] or rows."""
        ...


class Engine(Protocol):
    """A framework on this host, opened on one device."""

    @property
    def name(self) -> str:
        """`tensorflow`, `torch`, `jax` or `plaidml`."""
        ...

    @property
    def version(self) -> str:
        """The versions that decide the results."""
        ...

    @property
    def device(self) -> Device:
        """The device that this process trains on."""
        ...

    def devices(self) -> tuple[Device, ...]:
        """Return all devices that the engine can train on, the best first."""
        ...

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> Network:
        """Return a network, which can be trained if a recipe is given; its weights must be set before it is used."""
        ...

    def precision(self, recipe: Recipe) -> Precision:
        """Return the type in which this device multiplies when it trains with a recipe."""
        ...

    def parallel_predictions(self) -> int:
        """Return how many threads should call `Network.probabilities` at the same time, to be fastest.

        More than one only on a processor with enough free memory: on PyTorch if training uses at most half of the
        cores, on TensorFlow if training uses one thread.
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
        EngineError: There is none; the message lists the devices that exist.
    """
    found = next((device for device in devices if wanted in (None, device.id, device.kind)), None)
    if found is not None:
        return found
    listed = ", ".join(device.id for device in devices) or "none"
    what = {None: "device", "gpu": "GPU", "cpu": "processor"}.get(wanted, f"device {wanted}")
    raise EngineError(f"{engine} has no {what} here; it has: {listed}. `deepchord devices` tells more.")
