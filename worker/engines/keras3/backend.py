"""The protocol of the frameworks below Keras 3; each framework implements it in its own module."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from deepchord.worker.engines.engine import Batch, Device

#: Takes what is to be learnt of each image, a network's outputs, and how much images count, [size] or None; returns the
#: weighted loss of each image, and 1 if its most probable class is the label, else 0; of numbers their squared error:
#: [size] each.
Loss = Callable[[Any, Any, Any], tuple[Any, Any]]
#: The sums of losses and of hits (or squared errors) over a batch, or one sum per batch for several batches; they are
#: still on the device.
Sums = tuple[Any, Any]
#: Takes a training step for each batch; all batches have one size.
Steps = Callable[[Sequence[Batch]], Sums]
#: Takes images [size, height, width, channels]; returns its outputs [size, outputs] as an array of the framework.
Prediction = Callable[[Any], Any]

_PROCESSORS = Path("/proc/cpuinfo")


class Backend(Protocol):
    """TensorFlow, PyTorch or JAX, imported."""

    name: str
    version: str
    #: The largest batch for predictions: large enough to keep all cores busy, small enough for any memory.
    prediction_batch: int

    def limit_threads(self, threads: int) -> None:
        """Use at most so many threads of the processor; must be called before anything else."""
        ...

    def parallel_predictions(self) -> int:
        """Return how many threads can predict at the same time on the processor, each on its own cores."""
        ...

    def devices(self) -> list[Device]:
        """Return all devices that the framework can compute on."""
        ...

    def select(self, device: Device) -> None:
        """Compute on this device."""
        ...

    def may_use_xla(self, device: Device) -> bool:
        """Return whether XLA may compile for this device: it does so where it is faster."""
        ...

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Return whether the device multiplies faster in bfloat16 than in float32."""
        ...

    def steps_at_once(self, device: Device) -> int:
        """Return how many steps one call should contain: more than one if a call takes longer than a step."""
        ...

    def forget_networks(self) -> None:
        """Free the memory that the framework keeps for networks that are not used any more."""
        ...

    def layers(self, keras: Any) -> Any:
        """Return `keras.layers`, in which some classes may be replaced by faster ones."""
        ...

    def optimizers(self, keras: Any) -> Any:
        """Return `keras.optimizers`, in which some classes may be replaced by faster ones."""
        ...

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return a context for training steps of a compiled model, whose variables are up to date when it ends."""
        ...

    def prediction(self, model: Any) -> Prediction:
        """Return a function for the outputs of a compiled model; it is optimized for batches of one size."""
        ...


def has_fast_bfloat16() -> bool:
    """Return whether this processor has instructions for bfloat16: avx512_bf16 or amx_bf16."""
    try:
        return "_bf16" in _PROCESSORS.read_text(encoding="utf-8")
    except OSError:  # not Linux: it is unknown, so False
        return False


def move_average(layer: Any, moving: Any, value: Any) -> None:
    """Update a moving average of a batch normalization layer with the value of a batch."""
    moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
