"""The optimizers of a recipe in Keras 3."""

from typing import Any

from deepchord.shared.messages import Recipe


def make_optimizer(optimizers: Any, recipe: Recipe) -> Any:
    """Return the optimizer with every hyperparameter given: the defaults of Keras 2 and 3 differ."""
    rate, decay = recipe.learning_rate, recipe.weight_decay or None
    match recipe.optimizer:
        case "nadam":
            return optimizers.Nadam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=decay)
        case "adam":
            return optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=decay)
        case "sgd":
            return optimizers.SGD(rate, momentum=0.0, weight_decay=decay)
        case "rmsprop":
            return optimizers.RMSprop(rate, rho=0.9, epsilon=1e-7, weight_decay=decay)


def build_optimizer(model: Any, recipe: Recipe) -> None:
    """Make the variables of a model's optimizer; only kernels get weight decay, no biases."""
    optimizer, variables = model.optimizer, model.trainable_variables
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    optimizer.build(variables)
