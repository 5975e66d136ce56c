"""A network of Keras 2 on PlaidML; it trains with the formulas of Keras 3, in batches of one shape."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import Recipe
from deepchord.shared.network import ResolvedArchitecture, connected, keras_layers
from deepchord.worker.engines.engine import Batch, Images, Outputs, check_optimizer_state
from deepchord.worker.engines.outputs import given_by
from deepchord.worker.engines.padding import filled, filled_batches, prediction_batch
from deepchord.worker.engines.penalties import kernel_penalties
from deepchord.worker.engines.plaidml.layers import completed_layers
from deepchord.worker.engines.plaidml.losses import LEARNERS, Learner
from deepchord.worker.engines.plaidml.optimizers import make_optimizer

#: Images are predicted in batches of at most this size.
_MOST_PREDICTED = 1024

#: Batch sizes are a multiple of this: on llvm_cpu, kernels for 97, 101 or 131 images write beyond their arrays.
_BATCH_UNIT = 8

#: The smallest value of each word of PlaidML's random state, a Tausworthe generator (L'Ecuyer 1996, table 1).
_LEAST_STATE = (2, 8, 16)


class PlaidMLNetwork:
    """A `keras.models.Model` that compiles its training step and its prediction once each."""

    def __init__(self, keras: Any, architecture: ResolvedArchitecture, recipe: Recipe | None) -> None:
        self._keras = keras
        self._given, architecture = given_by(architecture.outputs), architecture.without_sigmoid()
        scale = recipe.dropout_scale if recipe else 1.0
        made = keras_layers(completed_layers(keras), architecture, dropout_scale=scale)
        # In the order of the architecture; a model lists the layers of branches by their depth.
        self._weighted = [made[layer.name] for layer in architecture.layers if layer.weights]
        inputs = keras.layers.Input(architecture.input_shape)
        with _recorded_random_states() as self._random_states:
            self._model = keras.models.Model(inputs, connected(architecture, made, inputs))
        if recipe is not None:
            self._learner: Learner = LEARNERS[architecture.outputs.task](keras, recipe, architecture.outputs.size)
            optimizer = make_optimizer(keras, recipe, kernel_penalties(architecture, made))
            self._model.compile(optimizer, self._learner.loss, weighted_metrics=[self._learner.metric])
        self._prediction_batch: int | None = None
        self._learning_rate: float | None = None

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
        """Return a copy of the optimizer's arrays."""
        return tuple(np.array(self._keras.backend.get_value(variable)) for variable in self._optimizer_variables())

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Set the optimizer's arrays; see `Network`."""
        variables = self._optimizer_variables()
        check_optimizer_state(state, (tuple(variable.shape.dims) for variable in variables))
        for variable, array in zip(variables, state, strict=True):
            self._keras.backend.set_value(variable, array)

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Take one training step for each batch; see `Network`.

        A batch that is smaller, or no multiple of eight, is filled up with its own images, which get the weight 0.
        """
        self._seed_dropout(dropout_seed)
        full, images, sums = 0, 0, np.zeros(2)
        try:
            for number, batch in enumerate(batches):
                full = full or -(-len(batch.images) // _BATCH_UNIT) * _BATCH_UNIT
                images += len(batch.images)
                sums += self._step(batch, full) * len(batch.images)
                if not np.isfinite(sums[0]):
                    break
                on_batch(number)
        finally:
            self._wait_for_last_step()
        loss, accuracy = sums / images
        return float(loss), float(accuracy)

    def _step(self, batch: Batch, full: int) -> NDArray[np.float64]:
        """Take a step with a batch filled up to `full` images; return mean loss and score of the real images."""
        images, labels, counted = batch.images, self._learner.labels(batch), len(batch.images)
        if counted < full:
            rows, _ = filled(np.arange(counted), full)
            images, labels = images[rows], labels[rows]
        is_counted = (np.arange(full) < counted).astype(np.float32)
        self._set_learning_rate(batch.learning_rate)
        trained = self._model.train_on_batch(images, labels, sample_weight=is_counted)
        return np.array(trained, dtype=float)

    def _set_learning_rate(self, rate: float) -> None:
        if rate != self._learning_rate:
            # The last step may still run and read the rate; reading the weights waits for it.
            self.weights()
            self._keras.backend.set_value(self._model.optimizer.lr, rate)
            self._learning_rate = rate

    def outputs(self, images: Images) -> Outputs:
        """Return what the last layer gives; see `Network`."""
        if self._prediction_batch is None:
            self._prediction_batch = prediction_batch(len(images), _MOST_PREDICTED)
        batches = filled_batches(images, self._prediction_batch)
        predict = self._model.predict_on_batch
        parts = [np.asarray(predict(batch), dtype=np.float32)[:counted] for batch, counted in batches]
        return self._given(np.concatenate(parts))

    def _optimizer_variables(self) -> list[Any]:
        # Keras 2 makes the variables with the training step. Nadam's schedule is not among the optimizer's weights.
        self._model._make_train_function()
        optimizer = self._model.optimizer
        schedule = [optimizer.m_schedule] if hasattr(optimizer, "m_schedule") else []
        return [*optimizer.weights, *schedule]

    def _wait_for_last_step(self) -> None:
        """Wait for the last step by reading its results: PlaidML overwrites values that a running step uses."""
        self.weights()
        self.optimizer_state()
        for state in self._random_states:
            self._keras.backend.get_value(state)

    def _seed_dropout(self, seed: int) -> None:
        for position, state in enumerate(self._random_states):
            generator = np.random.default_rng((seed, position))
            shape = tuple(state.shape.dims)[1:]
            words = [generator.integers(least, 2**32, shape, dtype=np.uint32) for least in _LEAST_STATE]
            self._keras.backend.set_value(state, np.stack(words))


@contextmanager
def _recorded_random_states() -> Iterator[list[Any]]:
    """Collect the random states that the backend makes in the block, one for each dropout layer, to set them later."""
    backend = sys.modules["plaidml.keras.backend"]
    original = backend._make_rng_state
    states: list[Any] = []

    def make(seed: int | None = None) -> Any:
        states.append(original(seed))
        return states[-1]

    backend._make_rng_state = make  # type: ignore[attr-defined]  # PlaidML has no types
    try:
        yield states
    finally:
        backend._make_rng_state = original  # type: ignore[attr-defined]  # as above
