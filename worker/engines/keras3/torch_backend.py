"""PyTorch as a backend: devices, threads and the training step."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from deepchord.shared.host import usable_cores
from deepchord.worker.engines.engine import Batch, Device
from deepchord.worker.engines.keras3.backend import Loss, Prediction, Steps, Sums, has_fast_bfloat16
from deepchord.worker.engines.keras3.torch_layers import corrected_layers, direct_layers
from deepchord.worker.engines.keras3.torch_nadam import lean_optimizers


class TorchBackend:
    """PyTorch under Keras 3."""

    name = "torch"
    version: str = torch.__version__
    #: Smaller than for other backends: its convolutions on a processor are fastest in batches of this size.
    prediction_batch = 256

    def __init__(self) -> None:
        self._threads: int | None = None
        self._kind = "cpu"

    def limit_threads(self, threads: int) -> None:
        """Use at most so many threads."""
        self._threads = threads
        torch.set_num_threads(threads)

    def parallel_predictions(self) -> int:
        """Return how many threads can predict at the same time, each on its own cores."""
        return max(1, usable_cores() // self._threads) if self._threads else 1

    def devices(self) -> list[Device]:
        """Return all devices that PyTorch can compute on."""
        found = [Device(id="cpu", kind="cpu", name="CPU")]
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(
                Device(id=f"cuda:{index}", kind="gpu", name=properties.name, memory_bytes=properties.total_memory)
            )
        if torch.backends.mps.is_available():
            found.append(Device(id="mps", kind="gpu", name="Apple Metal"))
        return found

    def select(self, device: Device) -> None:
        """Compute on this device."""
        # Keras reads this when it is imported.
        os.environ["KERAS_TORCH_DEVICE"] = device.id
        self._kind = device.kind
        # GPUs convolve float32 in TF32 by default. It has ten bits only, and results would differ from other engines.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False

    def may_use_xla(self, device: Device) -> bool:
        """Return False: PyTorch has no XLA here."""
        del device
        return False

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Return whether the device multiplies faster in bfloat16 than in float32."""
        if device.kind == "cpu":
            return has_fast_bfloat16()
        # AMD's GPUs are also called "cuda", but their version numbers mean something else; they were not measured.
        is_nvidia = device.id.startswith("cuda") and torch.version.hip is None
        return is_nvidia and torch.cuda.get_device_capability(device.id) >= (8, 0)

    def steps_at_once(self, device: Device) -> int:
        """Return 1: more are not faster."""
        del device
        return 1

    def forget_networks(self) -> None:
        """Do nothing: PyTorch was not seen to keep memory."""

    def layers(self, keras: Any) -> Any:
        """Return Keras's layers, some replaced: those that compute otherwise, and for a processor by faster ones."""
        return direct_layers(keras) if self._kind == "cpu" else corrected_layers(keras)

    def optimizers(self, keras: Any) -> Any:
        """Return Keras's optimizers; for a processor Nadam is replaced by a faster one."""
        return lean_optimizers(keras) if self._kind == "cpu" else keras.optimizers

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return a context for training steps; the model's optimizer must be built."""
        optimizer, variables = model.optimizer, model.trainable_variables

        def step(batches: Sequence[Batch]) -> Sums:
            (batch,) = batches
            model.zero_grad()
            losses, hits = loss(batch.labels, model(batch.images, training=True), batch.weights)
            losses.mean().backward()
            with torch.no_grad():
                optimizer.learning_rate.assign(batch.learning_rate)
                optimizer.apply([variable.value.grad for variable in variables], variables)
            return losses.detach().sum(), hits.sum()

        return lambda: nullcontext(step)

    def prediction(self, model: Any) -> Prediction:
        """Return Keras's own function for predictions."""
        predict: Prediction = model.predict_on_batch
        return predict
