"""JAX as a backend: devices, threads and the training step."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import jax
import numpy as np

from deepchord.worker.engines.engine import Batch, Device
from deepchord.worker.engines.keras3.backend import Loss, Prediction, Steps, Sums
from deepchord.worker.engines.keras3.jax_layers import processor_layers

#: Steps per call on a GPU. A call takes at least 1.5 ms (measured on an H100), like three steps of a small network.
_STEPS_PER_CALL = 16


class JaxBackend:
    """JAX under Keras 3."""

    name = "jax"
    version: str = jax.__version__
    prediction_batch = 1024

    def __init__(self) -> None:
        self._kind = "cpu"

    def limit_threads(self, threads: int) -> None:
        """Use at most so many threads."""
        # JAX has no function for this: its CPU client reads the variable when it is first used.
        os.environ["PJRT_NPROC"] = str(threads)

    def parallel_predictions(self) -> int:
        """Return 1: all callers share JAX's threads."""
        return 1

    def devices(self) -> list[Device]:
        """Return all devices that JAX can compute on."""
        return [
            Device(
                id=f"{device.platform}:{device.id}",
                kind="cpu" if device.platform == "cpu" else "gpu",
                name=str(device.device_kind),
            )
            for device in _devices()
        ]

    def select(self, device: Device) -> None:
        """Compute on this device."""
        (chosen,) = (found for found in _devices() if f"{found.platform}:{found.id}" == device.id)
        jax.config.update("jax_default_device", chosen)
        self._kind = device.kind
        # GPUs multiply float32 in TF32 by default. It has ten bits only, and results would differ from other engines.
        jax.config.update("jax_default_matmul_precision", "highest")

    def may_use_xla(self, device: Device) -> bool:
        """Return True: JAX always uses XLA."""
        del device
        return True

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Return whether the device multiplies faster in bfloat16 than in float32: only new GPUs do with XLA."""
        (found,) = (one for one in _devices() if f"{one.platform}:{one.id}" == device.id)
        if device.kind != "gpu":
            return False
        try:
            return float(getattr(found, "compute_capability", None) or 0) >= 8.0
        except ValueError:  # AMD's are names, such as gfx942, and were not measured
            return False

    def steps_at_once(self, device: Device) -> int:
        """Return several for a GPU; on a processor XLA's loops are many times slower."""
        return _STEPS_PER_CALL if device.kind == "gpu" else 1

    def forget_networks(self) -> None:
        """Do nothing: JAX was not seen to keep memory."""

    def layers(self, keras: Any) -> Any:
        """Return Keras's layers; for a processor some are replaced by faster ones."""
        return processor_layers(keras) if self._kind == "cpu" else keras.layers

    def optimizers(self, keras: Any) -> Any:
        """Return Keras's optimizers as they are."""
        return keras.optimizers

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return a context for training steps; the model's variables are updated when it ends."""
        kinds = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        one = _step(model, loss)
        take_one: Callable[[Any, Batch], tuple[Any, Sums]] = jax.jit(one)
        take_all: Callable[[Any, Batch], tuple[Any, Sums]] = jax.jit(lambda state, all_: jax.lax.scan(one, state, all_))

        @contextmanager
        def steps() -> Iterator[Steps]:
            state = tuple([variable.value for variable in variables] for variables in kinds)

            def take(batches: Sequence[Batch]) -> Sums:
                nonlocal state
                if len(batches) == 1:
                    state, sums = take_one(state, batches[0])
                else:
                    state, sums = take_all(state, _stacked(batches))
                return sums

            try:
                yield take
            finally:
                for variables, values in zip(kinds, state, strict=True):
                    for variable, value in zip(variables, values, strict=True):
                        variable.assign(value)

        return steps

    def prediction(self, model: Any) -> Prediction:
        """Return Keras's own function for predictions."""
        predict: Prediction = model.predict_on_batch
        return predict


def _devices() -> list[Any]:
    """Return JAX's devices, GPUs first. JAX itself lists the processor only if there is no GPU."""
    found = list(jax.devices())
    if any(device.platform == "cpu" for device in found):
        return found
    try:
        return [*found, *jax.devices("cpu")]
    except RuntimeError:  # JAX_PLATFORMS excludes the processor
        return found


def _stacked(batches: Sequence[Batch]) -> Batch:
    """Return batches of one size as one batch, whose arrays have a new first axis."""
    images, labels, rates, weights = zip(*batches, strict=True)
    stacked = None if weights[0] is None else np.stack(weights)
    rate_of_each = np.array(rates, np.float32)
    return Batch(np.stack(images), np.stack(labels), rate_of_each, stacked)  # type: ignore[arg-type]  # one for each step


def _step(model: Any, loss: Loss) -> Callable[[Any, Batch], tuple[Any, Sums]]:
    optimizer = model.optimizer
    are_rates = [variable is optimizer.learning_rate for variable in optimizer.variables]

    def mean_loss(trainable: Any, others: Any, batch: Batch) -> Any:
        probabilities, others = model.stateless_call(trainable, others, batch.images, training=True)
        losses, hits = loss(batch.labels, probabilities, batch.weights)
        return losses.mean(), (others, (losses.sum(), hits.sum()))

    def step(state: Any, batch: Batch) -> tuple[Any, Sums]:
        trainable, others, carried = state
        differentiate = jax.grad(mean_loss, has_aux=True)
        sums: Sums
        gradients, (others, sums) = differentiate(trainable, others, batch)
        carried = [
            jax.numpy.asarray(batch.learning_rate, value.dtype) if is_rate else value
            for value, is_rate in zip(carried, are_rates, strict=True)
        ]
        trainable, carried = optimizer.stateless_apply(carried, gradients, trainable)
        return (trainable, others, carried), sums

    return step
