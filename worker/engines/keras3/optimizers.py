"""The optimizers of a recipe in Keras 3."""

from collections.abc import Mapping
from typing import Any

from deepchord.shared.messages import Recipe
from deepchord.worker.engines.penalties import KernelPenalty


def make_optimizer(optimizers: Any, recipe: Recipe) -> Any:
    """Return the optimizer with every hyperparameter given: the defaults of Keras 2 and 3 differ."""
    rate = recipe.learning_rate
    options = {"weight_decay": recipe.weight_decay or None, "global_clipnorm": recipe.global_clipnorm or None}
    match recipe.optimizer:
        case "nadam":
            return optimizers.Nadam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **options)
        case "adam" | "adamw":
            # Keras's AdamW is its Adam, whose weight decay is decoupled, too.
            return optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **options)
        case "lion":
            return optimizers.Lion(rate, beta_1=0.9, beta_2=0.99, **options)
        case "sgd":
            return optimizers.SGD(rate, momentum=recipe.momentum, nesterov=recipe.nesterov, **options)
        case "rmsprop":
            return optimizers.RMSprop(rate, rho=0.9, epsilon=1e-7, **options)
        case "adagrad":
            return optimizers.Adagrad(rate, initial_accumulator_value=0.1, epsilon=1e-7, **options)


def penalize_kernels(keras: Any, model: Any, penalties: Mapping[int, KernelPenalty]) -> None:
    """Let a model's optimizer add the gradients of penalties, before gradients are clipped and steps computed."""
    if not penalties:
        return
    variables, optimizer = model.trainable_variables, model.optimizer
    apply = optimizer.apply

    def apply_penalized(gradients: list[Any], trainable_variables: Any = None) -> Any:
        penalized = list(gradients)
        for place, variable in enumerate(variables):
            penalty = penalties.get(id(variable))
            if penalty is not None:
                kernel = keras.ops.convert_to_tensor(variable)
                penalized[place] = penalized[place] + penalty.gradient(kernel, keras.ops.sign)
        return apply(penalized, trainable_variables)

    optimizer.apply = apply_penalized


def build_optimizer(model: Any, recipe: Recipe) -> None:
    """Make the variables of a model's optimizer; only kernels get weight decay, no biases."""
    optimizer, variables = model.optimizer, model.trainable_variables
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    optimizer.build(variables)
