"""What Keras 3 leaves to TensorFlow: devices, threads and the training step."""

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
        # One thread computes what a caller asks for; with one for all callers, they would wait for each other.
        tf.config.threading.set_inter_op_parallelism_threads(usable_cores() if self._one_by_one else threads)

    def parallel_predictions(self) -> int:
        """Return how many callers may predict at once, each on a core of its own."""
        return usable_cores() if self._one_by_one else 1

    def devices(self) -> list[Device]:
        """Return what it can compute on."""
        return [
            Device(id=device.name.removeprefix("/physical_device:"), kind=kind, name=_name(device))
            for kind in ("gpu", "cpu")
            for device in tf.config.list_physical_devices(kind.upper())
        ]

    def select(self, device: Device) -> None:
        """Compute on this device alone, and take its memory bit by bit."""
        gpus = [gpu for gpu in tf.config.list_physical_devices("GPU") if gpu.name.endswith(device.id)]
        tf.config.set_visible_devices(gpus, "GPU")
        # GPUs multiply float32 in TF32 by default, whose ten bits no other engine's probabilities agree with.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)

    def may_use_xla(self, device: Device) -> bool:
        """On a processor XLA was measured four times slower than without."""
        return device.kind == "gpu"

    def gains_by_bfloat16(self, device: Device) -> bool:
        """Say whether the device multiplies in bfloat16 faster than in float32."""
        if device.kind == "cpu":
            return has_fast_bfloat16()
        (gpu,) = (found for found in tf.config.list_physical_devices("GPU") if found.name.endswith(device.id))
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        return bool(capability >= (8, 0))

    def steps_at_once(self, device: Device) -> int:
        """Return 1: on a processor there is nothing to be gained by more; on a GPU it was not measured."""
        del device
        return 1

    def forget_networks(self) -> None:
        """Empty the cache of operations: it has an entry for each variable that there ever was, 0.2 MB a network.

        There is no public call but Keras's `clear_session`, which does the same and resets much else.
        """
        context.context().clear_kernel_cache()

    def layers(self, keras: Any) -> Any:
        """Return Keras's layers, with batch normalization of images in one operation on a processor."""
        if tf.config.get_visible_devices("GPU"):
            return keras.layers
        return SimpleNamespace(**{**vars(keras.layers), "BatchNormalization": _batch_normalization(keras)})

    def optimizers(self, keras: Any) -> Any:
        """Return Keras's optimizers as they are."""
        return keras.optimizers

    def training(self, model: Any, loss: Loss) -> Callable[[], AbstractContextManager[Steps]]:
        """Return what lets the model take training steps; its optimizer must be built."""
        step = _step(model, loss)

        @contextmanager
        def steps() -> Iterator[Steps]:
            # It is for processors; what XLA compiles does not regard it.
            one_by_one = self._one_by_one and not model.jit_compile
            with tf.experimental.function_executor_type(_ONE_BY_ONE) if one_by_one else nullcontext():
                yield step

        return steps

    def prediction(self, model: Any) -> Prediction:
        """Return the model as one graph for batches of any size, made when it is first called.

        Keras's own function is called through TensorFlow's watch for functions that are made anew again and again,
        which warns of the fifth network in a process.
        """
        signature = tf.TensorSpec((None, *model.input_shape[1:]), "float32")

        @cache
        def made() -> Any:
            compute = tf.function(lambda images: model(images, training=False), (signature,), autograph=False)
            return compute.get_concrete_function()

        return lambda images: made()(tf.constant(images))


@cache
def _batch_normalization(keras: Any) -> Any:
    """Return Keras's layer with TensorFlow's one operation in place of a dozen; it takes bfloat16 as it is."""

    class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
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
                # It returns the variance of the whole that the batch is a sample of; Keras keeps that of the batch.
                size = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
                move_average(self, self.moving_mean, mean)
                move_average(self, self.moving_variance, variance * (size - 1) / size)
            return outputs

    return BatchNormalization


def _step(model: Any, loss: Loss) -> Steps:
    optimizer, variables = model.optimizer, model.trainable_variables
    values = [variable.value for variable in variables]
    # There is one replica. To sum over it Keras has TensorFlow register a gradient, which keeps this function's graph
    # for as long as the process lives: 13 MB for each member. It is no public interface, and harmless if it goes.
    optimizer._all_reduce_sum_gradients = list

    def step(images: Any, labels: Any, rate: Any) -> Sums:
        with tf.GradientTape() as tape:
            losses, hits = loss(labels, model(images, training=True))
            mean = tf.reduce_mean(losses)
        gradients = tape.gradient(mean, values)
        optimizer.learning_rate.assign(rate)
        optimizer.apply(gradients, variables)
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    signature = [
        tf.TensorSpec((None, *model.input_shape[1:]), "float32"),
        tf.TensorSpec((None,), "int64"),
        tf.TensorSpec((), "float32"),
    ]
    compiled = tf.function(step, signature, autograph=False, jit_compile=model.jit_compile)

    def alone(batches: Sequence[Batch]) -> Sums:
        (batch,) = batches
        sums: Sums = compiled(*batch)
        return sums

    return alone


def _name(device: Any) -> str:
    details = tf.config.experimental.get_device_details(device)
    return str(details.get("device_name", device.device_type))
