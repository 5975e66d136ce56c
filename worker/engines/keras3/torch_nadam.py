"""Keras's Nadam, computed with half as many operations of PyTorch."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch


@cache
def lean_optimizers(keras: Any) -> Any:
    """Return the classes of `keras.optimizers`, with a Nadam that computes the same in half the time.

    Keras multiplies by tensors with one number; PyTorch copies and reads each of them once per variable.
    """

    class Nadam(keras.optimizers.Nadam):  # type: ignore[misc]  # Keras has no types
        # Updates all variables at once. Not a public method: without it, Keras would update one after the other.
        def _backend_update_step(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
            places = [self._get_variable_index(variable) for variable in variables]
            means = [self._momentums[place].value for place in places]
            squares = [self._velocities[place].value for place in places]
            values = [variable.value for variable in variables]
            step, rate = int(self.iterations.value) + 1, float(learning_rate)
            now, following = (self.beta_1 * (1 - 0.5 * 0.96**power) for power in (step, step + 1))
            schedule = float(self._u_product.value) * now
            self._u_product.assign(schedule)
            torch._foreach_lerp_(means, gradients, 1 - self.beta_1)
            torch._foreach_mul_(squares, self.beta_2)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - self.beta_2)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_div_(roots, (1 - self.beta_2**step) ** 0.5)
            torch._foreach_add_(roots, self.epsilon)
            torch._foreach_addcdiv_(values, means, roots, -rate * following / (1 - schedule * following))
            torch._foreach_addcdiv_(values, gradients, roots, -rate * (1 - now) / (1 - schedule))

    return SimpleNamespace(**{**vars(keras.optimizers), "Nadam": Nadam})
