"""A network of Keras 3, and how it learns; what differs between the frameworks below comes from a `Backend`."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import Precision, Recipe
from deepchord.shared.network import NoiseLayer, ResolvedArchitecture, connected, keras_layers
from deepchord.worker.engines.engine import Batch, Images, Outputs, check_optimizer_state
from deepchord.worker.engines.keras3.backend import Backend
from deepchord.worker.engines.keras3.losses import make_loss
from deepchord.worker.engines.keras3.optimizers import build_optimizer, make_optimizer, penalize_kernels
from deepchord.worker.engines.outputs import given_by
from deepchord.worker.engines.padding import filled_batches, prediction_batch
from deepchord.worker.engines.penalties import kernel_penalties

_Item = TypeVar("_Item")

#: How much memory the images of all steps of one call may need.
_CALL_BYTES = 2**26


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """How a network is computed on a device."""

    precision: Precision
    #: Whether XLA compiles it.
    xla: bool
    #: The most training steps that the device gets in one call.
    steps_at_once: int = 1


class Keras3Network:
    """A `keras.Model` whose dropout seeds are set for each epoch."""

    def __init__(
        self,
        keras: Any,
        backend: Backend,
        architecture: ResolvedArchitecture,
        recipe: Recipe | None,
        options: DeviceOptions,
    ) -> None:
        self._keras = keras
        self._given, architecture = given_by(architecture.outputs), architecture.without_sigmoid()
        scale = recipe.dropout_scale if recipe else 1.0
        with _computing_in(keras, options.precision):
            made = keras_layers(backend.layers(keras), architecture, dropout_scale=scale)
        # The last layer returns probabilities, logits or numbers, for which bfloat16 has too few digits.
        made[architecture.layers[-1].name].dtype_policy = "float32"
        inputs = keras.Input(architecture.input_shape)
        self._model = keras.Model(inputs, connected(architecture, made, inputs))
        # In the order of the architecture; a model lists the layers of branches by their depth.
        self._weighted = [made[layer.name] for layer in architecture.layers if layer.weights]
        self._random = [made[layer.name] for layer in architecture.layers if isinstance(layer.layer, NoiseLayer)]
        self._most_predicted = backend.prediction_batch
        self._prediction_batch: int | None = None
        self._predict = backend.prediction(self._model)
        optimizer = make_optimizer(backend.optimizers(keras), recipe) if recipe else "sgd"
        self._model.compile(optimizer=optimizer, jit_compile=options.xla)
        if recipe:
            build_optimizer(self._model, recipe)
            penalize_kernels(keras, self._model, kernel_penalties(architecture, made))
            self._steps = backend.training(self._model, make_loss(keras, recipe, architecture.outputs.task))
            fitting = _CALL_BYTES // (4 * recipe.batch_size * math.prod(architecture.input_shape))
            self._steps_at_once = max(1, min(options.steps_at_once, fitting))

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        return tuple(
            tuple(np.array(array, dtype=np.float32) for array in layer.get_weights()) for layer in self._weighted
        )

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        for layer, arrays in zip(self._weighted, weights, strict=True):
            layer.set_weights(list(arrays))

    def optimizer_state(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of the optimizer's variables."""
        convert = self._keras.ops.convert_to_numpy
        return tuple(np.array(convert(variable)) for variable in self._model.optimizer.variables)

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Let the optimizer go on from a state; see `Network`."""
        variables = self._model.optimizer.variables
        check_optimizer_state(state, (tuple(variable.shape) for variable in variables))
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Take one training step for each batch; see `Network`."""
        self._seed_dropout(dropout_seed)
        images, total_loss, total_hits, number = 0, 0.0, 0.0, 0
        with self._steps() as take:
            calls = ((group, take(group)) for group in _groups(batches, self._steps_at_once))
            # Reading sums waits for the device. It has its next steps by then, so it does not idle.
            for group, sums in _one_behind(calls):
                loss, hits = (float(np.sum(self._keras.ops.convert_to_numpy(one))) for one in sums)
                images += sum(len(batch.images) for batch in group)
                total_loss += loss
                total_hits += hits
                if not math.isfinite(total_loss):
                    break
                for _ in group:
                    on_batch(number)
                    number += 1
        return total_loss / images, total_hits / images

    def outputs(self, images: Images) -> Outputs:
        """Return what the last layer gives; see `Network`."""
        # Not Keras's `predict`: it builds an input pipeline for each call, which takes 60 ms on TensorFlow.
        if self._prediction_batch is None:
            self._prediction_batch = prediction_batch(len(images), self._most_predicted)
        batches = filled_batches(images, self._prediction_batch)
        parts = [np.asarray(self._predict(batch), dtype=np.float32)[:counted] for batch, counted in batches]
        return self._given(np.concatenate(parts))

    def _seed_dropout(self, seed: int) -> None:
        for position, layer in enumerate(self._random):
            state = np.random.SeedSequence(seed, spawn_key=(position,)).generate_state(2, np.uint32)
            if hasattr(layer, "seed_generator"):  # with a rate of 0 it has none
                # 31 bits: a backend may keep the state in signed integers.
                layer.seed_generator.state.assign(state >> 1)


def _groups(batches: Iterable[Batch], most: int) -> Iterator[list[Batch]]:
    """Yield groups of at most `most` batches in a row that have the same size."""
    for _, alike in groupby(batches, key=lambda batch: len(batch.images)):
        while group := list(islice(alike, most)):
            yield group


def _one_behind(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield each item after the next one was taken; the last at the end."""
    waiting: deque[_Item] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


@contextmanager
def _computing_in(keras: Any, precision: Precision) -> Iterator[None]:
    """Let layers that are made in the block multiply in this precision, with weights in float32."""
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")
