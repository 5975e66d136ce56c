"""The learning rate of each step, which follows from the step's number and the validation losses before it."""

import math
from collections.abc import Sequence

from deepchord.shared.messages import Recipe

#: The one-cycle schedule: in which share of all steps the rate rises, and which part of the highest rate it starts at.
_RISING = 0.3
_FIRST_PART = 1 / 25


def learning_rate(recipe: Recipe, step: int, steps: int, validation_losses: Sequence[float] = ()) -> float:
    """Return the learning rate of a step.

    During the warm-up it rises evenly, to the recipe's learning rate in its last step (Goyal et al. 2017). The schedule
    counts its steps from there.

    Args:
        recipe: Has the schedule, its options and the highest rate.
        step: Counted from 0 over the whole training.
        steps: The number of steps in all epochs.
        validation_losses: Those of the epochs before this step, for `reduce_on_plateau`.
    """
    warmup = round(recipe.warmup_epochs * steps / recipe.epochs)
    if step < warmup:
        return recipe.learning_rate * ((step + 1) / warmup)
    rate = recipe.learning_rate * _part(recipe, step - warmup, steps - warmup, steps / recipe.epochs, validation_losses)
    return max(rate, recipe.min_learning_rate)


def _part(recipe: Recipe, step: int, steps: int, steps_per_epoch: float, losses: Sequence[float]) -> float:
    """Return which part of the highest rate a step has; both numbers of steps are those after the warm-up."""
    match recipe.schedule:
        case "constant":
            return 1.0
        case "one_cycle":
            return _one_cycle(step, steps)
        case "cosine":
            lowest = recipe.min_learning_rate / recipe.learning_rate
            return lowest + (1 - lowest) * (1 - _half_cosine(step / steps))
        case "step":
            return float(recipe.decay_factor ** (step // round(steps_per_epoch * recipe.decay_epochs)))
        case "exponential":
            return float(recipe.decay_factor ** (step / (steps_per_epoch * recipe.decay_epochs)))
        case "reduce_on_plateau":
            counted = losses[math.ceil(recipe.warmup_epochs) :]
            return float(recipe.decay_factor ** _reductions(counted, recipe.plateau_patience))


def _one_cycle(step: int, steps: int) -> float:
    """Rise along half a cosine and fall along another (Smith and Topin 2017, with the shape of fastai)."""
    top = _RISING * steps
    if step < top:
        return _FIRST_PART + (1 - _FIRST_PART) * _half_cosine(step / top)
    return 1 - _half_cosine((step - top) / (steps - top))


def _reductions(losses: Sequence[float], patience: int) -> int:
    """Return how often the rate was reduced: each time that `patience` epochs in a row brought no new lowest loss."""
    lowest, waited, reductions = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited == patience:
            waited, reductions = 0, reductions + 1
    return reductions


def _half_cosine(share: float) -> float:
    """Return 0 at 0 and 1 at 1, level at both ends."""
    return (1 - math.cos(math.pi * share)) / 2
