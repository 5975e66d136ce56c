"""TensorFlow as a backend: devices, threads and the training step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

from deepchord.shared.host import usable_cores
from deepchord.worker.engines.engine import Batch, Device
from deepchord.worker.engines.keras3.backend import Loss, Prediction, Steps, Sums, has_fast_bfloat16, move_average

_ONE_BY_ONE = "SINGLE_THREADED_EXECUTOR"


class TensorFlowBackend:
    """TensorFlow under Keras 3."""

    name = "tensorflow"
    version: str = tf.__version__
    prediction_batch = 1024

    def __init__(self) -> None:
        self._one_by_one = False

    def limit_threads(self, threads: int) -> None:
        """Train with at most so many threads."""
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        self._one_by_one = threads == 1
        # With one thread per prediction, several callers predict at the same time: each needs a thread of its own.
        tf.config.threading.set_inter_op_parallelism_threads(usable_cores() if self._one_by_one else threads)

    def parallel_predictions(self) -> int:
        """Return how many threads can predict at the same time, each on its own core."""
        return usable_cores() if self._one_by_one else 1

    def devices(self) -> list[Device]:
        """Return all devices that TensorFlow can compute on."""
        return [
            Device(id=device.name.removeprefix("/physical_device:"), kind=kind, name=_name(device))
            for kind in ("gpu", "cpu")
            for device in tf.config.list_physical_devices(kind.upper())
        ]

    def select(self, device: Device) -> None:
        """Compute on this device only, and allocate its memory as needed."""
        gpus = [gpu for gpu in tf.config.list_physical_devices("GPU") if gpu.name.endswith(device.id)]
        tf.config.set_visible_devices(gpus, "GPU")
        # GPUs multiply float32 in TF32 by default. It has ten bits only, and results would differ from other engines.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)

    def may_use_xla(self, device: Device) -> bool:
        """Return True for GPUs; on a processor XLA was measured to be four times slower."""
        return device.kind == "gpu"

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Return whether the device multiplies faster in bfloat16 than in float32."""
        if device.kind == "cpu":
            return has_fast_bfloat16()
        (gpu,) = (found for found in tf.config.list_physical_devices("GPU") if found.name.endswith(device.id))
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        return bool(capability >= (8, 0))

    def steps_at_once(self, device: Device) -> int:
        """Return 1: more are not faster on a processor, and were not measured on a GPU."""
        del device
        return 1

    def forget_networks(self) -> None:
        """Clear the cache of operations, which keeps an entry for each variable ever made: 0.2 MB per network.

        The only public function for this is Keras's `clear_session`, which resets much more.
        """
        context.context().clear_kernel_cache()

    def layers(self, keras: Any) -> Any:
        """Return Keras's layers; for a processor batch normalization of images is one operation."""
        if tf.config.get_visible_devices("GPU"):
            return keras.layers
        return SimpleNamespace(**{**vars(keras.layers), "BatchNormalization": _batch_normalization(keras)})

    def optimizers(self, keras: Any) -> Any:
        """Return Keras's optimizers as they are."""
        return keras.optimizers

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return a context for training steps; the model's optimizer must be built."""
        step = _step(model, loss)

        @contextmanager
        def steps() -> Iterator[Steps]:
            # Only for processors: programs that XLA compiled ignore it.
            one_by_one = self._one_by_one and not model.jit_compile
            with tf.experimental.function_executor_type(_ONE_BY_ONE) if one_by_one else nullcontext():
                yield step

        return steps

    def prediction(self, model: Any) -> Prediction:
        """Return the model as one graph for batches of any size, compiled at its first call.

        Keras's own function is not used: from the fifth network of a process on, TensorFlow would warn that functions
        are compiled again and again.
        """
        signature = tf.TensorSpec((None, *model.input_shape[1:]), "float32")

        @cache
        def made() -> Any:
            compute = tf.function(lambda images: model(images, training=False), (signature,), autograph=False)
            return compute.get_concrete_function()

        return lambda images: made()(tf.constant(images))


@cache
def _batch_normalization(keras: Any) -> Any:
    """Return Keras's layer, computed with one operation of TensorFlow instead of a dozen; it also takes bfloat16."""

    class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
            training = training and self.trainable
            moments = ([], []) if training else (self.moving_mean.value, self.moving_variance.value)
            outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=self.gamma.value,
                offset=self.beta.value,
                mean=moments[0],
                variance=moments[1],
                epsilon=self.epsilon,
                is_training=training,
            )
            if training:
                # TensorFlow returns the unbiased variance (divided by size - 1); Keras keeps the biased one.
                size = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
                move_average(self, self.moving_mean, mean)
                move_average(self, self.moving_variance, variance * (size - 1) / size)
            return outputs

    return BatchNormalization


def _step(model: Any, loss: Loss) -> Steps:
    optimizer, variables = model.optimizer, model.trainable_variables
    values = [variable.value for variable in variables]
    # Keras sums gradients over replicas, of which there is one. TensorFlow registers a gradient for that sum and keeps
    # this function's graph as long as the process lives: 13 MB per member. So the sum is left out. This attribute is
    # not public; if Keras removes it, only the memory is lost.
    optimizer._all_reduce_sum_gradients = list

    def step(images: Any, labels: Any, rate: Any, weights: Any = None) -> Sums:
        with tf.GradientTape() as tape:
            losses, hits = loss(labels, model(images, training=True), weights)
            mean = tf.reduce_mean(losses)
        gradients = tape.gradient(mean, values)
        optimizer.learning_rate.assign(rate)
        optimizer.apply(gradients, variables)
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    @cache
    def compiled(labels_shape: tuple[int, ...], labels_type: str, *, is_weighted: bool) -> Any:
        signature = [
            tf.TensorSpec((None, *model.input_shape[1:]), "float32"),
            tf.TensorSpec((None, *labels_shape), labels_type),
            tf.TensorSpec((), "float32"),
            *([tf.TensorSpec((None,), "float32")] if is_weighted else []),
        ]
        return tf.function(step, signature, autograph=False, jit_compile=model.jit_compile)

    def alone(batches: Sequence[Batch]) -> Sums:
        (batch,) = batches
        is_weighted = batch.weights is not None
        take = compiled(batch.labels.shape[1:], batch.labels.dtype.name, is_weighted=is_weighted)
        sums: Sums = take(*batch if is_weighted else batch[:-1])
        return sums

    return alone


def _name(device: Any) -> str:
    details = tf.config.experimental.get_device_details(device)
    return str(details.get("device_name", device.device_type))
