"""What Keras 3 leaves to JAX: devices, threads and the training step."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import jax
import numpy as np

from deepchord.worker.engines.engine import Batch, Device
from deepchord.worker.engines.keras3.backend import Loss, Prediction, Steps, Sums
from deepchord.worker.engines.keras3.jax_layers import processor_layers

#: A call takes 1.5 ms and more, however little it does (seen on an H100): as long as three steps of a small network.
_STEPS_OF_A_CALL = 16


class JaxBackend:
    """JAX under Keras 3."""

    name = "jax"
    version: str = jax.__version__
    prediction_batch = 1024

    def __init__(self) -> None:
        self._kind = "cpu"

    def limit_threads(self, threads: int) -> None:
        """Use at most so many threads."""
        # There is no call for it: its CPU client reads this when it is made, which is when it is first used.
        os.environ["PJRT_NPROC"] = str(threads)

    def parallel_predictions(self) -> int:
        """Return 1: all callers share its threads."""
        return 1

    def devices(self) -> list[Device]:
        """Return what it can compute on."""
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
        # GPUs multiply float32 in TF32 by default, whose ten bits no other engine's probabilities agree with.
        jax.config.update("jax_default_matmul_precision", "highest")

    def may_use_xla(self, device: Device) -> bool:
        """XLA is what JAX is."""
        del device
        return True

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Say whether the device multiplies in bfloat16 faster than in float32; XLA for processors does not."""
        (found,) = (one for one in _devices() if f"{one.platform}:{one.id}" == device.id)
        if device.kind != "gpu":
            return False
        try:
            return float(getattr(found, "compute_capability", None) or 0) >= 8.0
        except ValueError:  # AMD's are names, such as gfx942; whether those gain was not measured
            return False

    def steps_at_once(self, device: Device) -> int:
        """Return several on a GPU; on a processor loops are compiled to something many times slower."""
        return _STEPS_OF_A_CALL if device.kind == "gpu" else 1

    def forget_networks(self) -> None:
        """Do nothing: nothing that grows was found."""

    def layers(self, keras: Any) -> Any:
        """Return Keras's layers, on a processor with faster ones in some places."""
        return processor_layers(keras) if self._kind == "cpu" else keras.layers

    def optimizers(self, keras: Any) -> Any:
        """Return Keras's optimizers as they are."""
        return keras.optimizers

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return what lets the model take training steps; its variables hold what was learnt when it is left."""
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
        """Return Keras's own function."""
        predict: Prediction = model.predict_on_batch
        return predict


def _devices() -> list[Any]:
    """Return JAX's devices, GPUs first; by itself it tells of the processor only where there is nothing else."""
    found = list(jax.devices())
    if any(device.platform == "cpu" for device in found):
        return found
    try:
        return [*found, *jax.devices("cpu")]
    except RuntimeError:  # JAX_PLATFORMS leaves it out
        return found


def _stacked(batches: Sequence[Batch]) -> Batch:
    """Return batches of one size as one, with another axis in front of all that they hold."""
    images, labels, rates = zip(*batches, strict=True)
    # A rate for each step, where a batch has one.
    return Batch(np.stack(images), np.stack(labels), np.array(rates, np.float32))  # type: ignore[arg-type]


def _step(model: Any, loss: Loss) -> Callable[[Any, Batch], tuple[Any, Sums]]:
    optimizer = model.optimizer
    are_rates = [variable is optimizer.learning_rate for variable in optimizer.variables]

    def mean_loss(trainable: Any, others: Any, batch: Batch) -> Any:
        probabilities, others = model.stateless_call(trainable, others, batch.images, training=True)
        losses, hits = loss(batch.labels, probabilities)
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
