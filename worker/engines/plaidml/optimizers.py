"""The optimizers of a recipe in Keras 2, made to compute what those of Keras 3 do."""

from collections.abc import Mapping
from typing import Any

from deepchord.shared.messages import Recipe
from deepchord.worker.engines.penalties import KernelPenalty
from deepchord.worker.engines.plaidml.added_optimizers import adagrad, lion, rmsprop


def make_optimizer(keras: Any, recipe: Recipe, penalties: Mapping[int, KernelPenalty]) -> Any:
    """Return the optimizer with every hyperparameter given, and the formulas of Keras 3.

    Args:
        keras: Keras 2.
        recipe: Names the optimizer.
        penalties: On kernels, by the `id` of their variables.
    """
    optimizer = _without_decay(keras, recipe)
    if penalties:
        _penalize_kernels(keras, optimizer, penalties)
    if recipe.global_clipnorm:
        _clip_gradients(keras, optimizer, recipe.global_clipnorm)
    _wait_for_all_gradients(keras, optimizer)
    if recipe.weight_decay:
        _decay_kernels(optimizer, recipe.weight_decay)
    return optimizer


def _without_decay(keras: Any, recipe: Recipe) -> Any:
    rate = recipe.learning_rate
    match recipe.optimizer:
        case "nadam":
            # The momentum schedule of Dozat 2016 is 0.96^(0.004 t) in Keras 2 by default, and 0.96^t in Keras 3.
            return keras.optimizers.Nadam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, schedule_decay=1.0)
        case "adam" | "adamw":
            return keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=recipe.nesterov)
        case "rmsprop":
            return rmsprop(keras, rate)
        case "lion":
            return lion(keras, rate)
        case "adagrad":
            return adagrad(keras, rate)


def _penalize_kernels(keras: Any, optimizer: Any, penalties: Mapping[int, KernelPenalty]) -> None:
    """Add the gradients of penalties to those of the loss."""
    get_gradients = optimizer.get_gradients

    def get_penalized_gradients(loss: Any, params: list[Any]) -> list[Any]:
        return [
            gradient + penalties[id(one)].gradient(one, keras.backend.sign) if id(one) in penalties else gradient
            for one, gradient in zip(params, get_gradients(loss, params), strict=True)
        ]

    optimizer.get_gradients = get_penalized_gradients


def _clip_gradients(keras: Any, optimizer: Any, most: float) -> None:
    """Scale all gradients down so that their norm together is at most `most`.

    Keras 2 has this, too, but with an operation that PlaidML lacks.
    """
    get_gradients = optimizer.get_gradients

    def get_clipped_gradients(loss: Any, params: list[Any]) -> list[Any]:
        gradients, backend = get_gradients(loss, params), keras.backend
        # With four axes, because PlaidML's gradients may have more than it reports; see below.
        with_axes = [gradient + backend.zeros((1, 1, 1, 1)) for gradient in gradients]
        norm = backend.sqrt(sum(backend.sum(backend.square(gradient)) for gradient in with_axes))
        return [gradient * (most / backend.maximum(norm, most)) for gradient in gradients]

    optimizer.get_gradients = get_clipped_gradients


def _wait_for_all_gradients(keras: Any, optimizer: Any) -> None:
    """Change the weights only after all gradients are computed.

    PlaidML overwrites the old weights although other gradients still need them: on llvm_cpu, gradients were wrong in
    proportion to the learning rate. The gradient of the first weights is computed last, after all weights were read. So
    here every gradient is made to depend on it.
    """
    get_gradients = optimizer.get_gradients

    def get_gradients_of_a_step(loss: Any, params: list[Any]) -> list[Any]:
        gradients, backend = get_gradients(loss, params), keras.backend
        # Adding zeros makes four axes: after a broadcast, PlaidML's gradients have more axes than it reports.
        last = gradients[0] + backend.zeros((1, 1, 1, 1))
        nothing = backend.minimum(backend.abs(backend.sum(last)), 0.0)
        return [gradient + nothing for gradient in gradients]

    optimizer.get_gradients = get_gradients_of_a_step


def _decay_kernels(optimizer: Any, decay: float) -> None:
    """Subtract `decay` times the learning rate times each kernel in every step, as Keras 3 does."""
    get_updates = optimizer.get_updates

    def get_decaying_updates(loss: Any, params: list[Any]) -> list[Any]:
        kernels = {id(variable) for variable in params if len(variable.shape.dims) > 1}
        optimizer.updates = [
            (variable, value - optimizer.lr * decay * variable if id(variable) in kernels else value)
            for variable, value in get_updates(loss, params)
        ]
        return list(optimizer.updates)

    optimizer.get_updates = get_decaying_updates
