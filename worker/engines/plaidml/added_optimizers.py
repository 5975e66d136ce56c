"""Optimizers that Keras 2 lacks, or has with other formulas than Keras 3."""

from collections.abc import Callable
from typing import Any

#: Takes a weight, its gradient, its array of the optimizer and the learning rate; returns the new weight and array.
_Step = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


def lion(keras: Any, learning_rate: float) -> Any:
    """Return Lion with the betas 0.9 and 0.99 (Chen et al. 2023, algorithm 2)."""
    backend = keras.backend

    def step(weight: Any, gradient: Any, mean: Any, rate: Any) -> tuple[Any, Any]:
        # The sign of 0.9 * mean + 0.1 * gradient, computed from the new mean, because PlaidML may overwrite the old one
        # before it is read.
        mean = 0.99 * mean + 0.01 * gradient
        return weight - rate * backend.sign(10.0 * mean + gradient), mean

    return _optimizer(keras, learning_rate, step, start=0.0)


def adagrad(keras: Any, learning_rate: float) -> Any:
    """Return Adagrad (Duchi et al. 2011), whose sums of squares start at 0.1, as in Keras 3; in Keras 2 at 0."""
    backend = keras.backend

    def step(weight: Any, gradient: Any, squares: Any, rate: Any) -> tuple[Any, Any]:
        squares = squares + gradient * gradient
        return weight - rate * gradient / backend.sqrt(squares + 1e-7), squares

    return _optimizer(keras, learning_rate, step, start=0.1)


def rmsprop(keras: Any, learning_rate: float) -> Any:
    """Return RMSprop with rho 0.9, whose epsilon is added under the root, as in Keras 3; in Keras 2 to the root."""
    backend = keras.backend

    def step(weight: Any, gradient: Any, squares: Any, rate: Any) -> tuple[Any, Any]:
        squares = 0.9 * squares + 0.1 * gradient * gradient
        return weight - rate * gradient / backend.sqrt(squares + 1e-7), squares

    return _optimizer(keras, learning_rate, step, start=0.0)


def _optimizer(keras: Any, learning_rate: float, step: _Step, start: float) -> Any:
    """Return an optimizer with an array for each weight, whose values are all `start` at first."""
    backend = keras.backend

    class Optimizer(keras.optimizers.Optimizer):  # type: ignore[misc]  # Keras has no types
        def __init__(self) -> None:
            super().__init__()
            self.lr = backend.variable(learning_rate, name="lr")

        def get_updates(self, loss: Any, params: list[Any]) -> list[Any]:
            self.weights = [backend.variable(backend.np.full(backend.int_shape(one), start)) for one in params]
            self.updates = []
            for weight, gradient, array in zip(params, self.get_gradients(loss, params), self.weights, strict=True):
                new_weight, new_array = step(weight, gradient, array, self.lr)
                self.updates += [backend.update(array, new_array), backend.update(weight, new_weight)]
            return self.updates

    return Optimizer()
