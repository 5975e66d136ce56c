"""What the engine for Keras 3 asks of the framework below it, each of which has a module of its own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from deepchord.worker.engines.engine import Batch, Device

#: From labels [size] and probabilities [size, classes]: the loss of each image, and whether it was hit, [size] each.
Loss = Callable[[Any, Any], tuple[Any, Any]]
#: The sums of both over a batch, or over each of several, still on the device.
Sums = tuple[Any, Any]
#: Takes a training step for each of some batches, all of one size.
Steps = Callable[[Sequence[Batch]], Sums]
#: From images [size, height, width, channels] to probabilities [size, classes], as an array of the framework's own.
Prediction = Callable[[Any], Any]

_PROCESSORS = Path("/proc/cpuinfo")


class Backend(Protocol):
    """TensorFlow, PyTorch or JAX, imported."""

    name: str
    version: str
    #: Images are predicted in batches of at most this size: enough to keep all cores busy, and fit any memory.
    prediction_batch: int

    def limit_threads(self, threads: int) -> None:
        """Train with at most so many threads of the processor, before anything else is done."""
        ...

    def parallel_predictions(self) -> int:
        """Return how many callers may predict at once on the processor, each on cores of its own."""
        ...

    def devices(self) -> list[Device]:
        """Return what it can compute on."""
        ...

    def select(self, device: Device) -> None:
        """Compute on this device."""
        ...

    def may_use_xla(self, device: Device) -> bool:
        """Say whether XLA makes it faster."""
        ...

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Say whether the device multiplies in bfloat16 faster than in float32."""
        ...

    def steps_at_once(self, device: Device) -> int:
        """Return how many steps it is to be given at a time: more than one where a call costs more than a step."""
        ...

    def forget_networks(self) -> None:
        """Let go of what the framework keeps of networks that are gone."""
        ...

    def layers(self, keras: Any) -> Any:
        """Return `keras.layers`, with classes of its own where they are faster."""
        ...

    def optimizers(self, keras: Any) -> Any:
        """Return `keras.optimizers`, with classes of its own where they are faster."""
        ...

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return what lets a compiled model take steps; its variables may be stale until the context is left."""
        ...

    def prediction(self, model: Any) -> Prediction:
        """Return what computes a compiled model's outputs; it is made for batches of one size."""
        ...


def has_fast_bfloat16() -> bool:
    """Say whether this processor has instructions for bfloat16: avx512_bf16 or amx_bf16."""
    try:
        return "_bf16" in _PROCESSORS.read_text(encoding="utf-8")
    except OSError:  # not Linux: unknown, so no
        return False


def move_average(layer: Any, moving: Any, found: Any) -> None:
    """Let a moving average of a layer for batch normalization take in what was found in a batch."""
    moving.assign(moving * layer.momentum + found * (1 - layer.momentum))
