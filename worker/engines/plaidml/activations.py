"""Activations that Keras 2.2.4 lacks, or computes in another way than Keras 3, made of what PlaidML computes."""

from collections.abc import Callable
from typing import Any

#: The coefficients of an approximation of the error function, off by at most 1.5e-7 (Abramowitz and Stegun, 7.1.26).
_ERROR_FUNCTION = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
_ERROR_FUNCTION_SLOPE = 0.3275911


def added_activations(backend: Any) -> dict[str, Callable[[Any], Any]]:
    """Return the activations by their names in Keras 3; each takes and returns a tensor.

    Args:
        backend: `keras.backend`.
    """

    def hard_sigmoid(values: Any) -> Any:
        return backend.clip(values / 6.0 + 0.5, 0.0, 1.0)

    def softplus(values: Any) -> Any:
        # PlaidML's own is infinite where the power is.
        return backend.relu(values) + backend.log(1.0 + backend.exp(-backend.abs(values)))

    def error_function(values: Any) -> Any:
        size = backend.abs(values)
        nearness = 1.0 / (1.0 + _ERROR_FUNCTION_SLOPE * size)
        polynomial = nearness * 0.0
        for coefficient in _ERROR_FUNCTION:
            polynomial = (polynomial + coefficient) * nearness
        return backend.sign(values) * (1.0 - polynomial * backend.exp(-size * size))

    return {
        "relu6": lambda values: backend.clip(values, 0.0, 6.0),
        "leaky_relu": lambda values: backend.relu(values, alpha=0.2),
        "silu": lambda values: values * backend.sigmoid(values),
        "softplus": softplus,
        "mish": lambda values: values * backend.tanh(softplus(values)),
        "hard_sigmoid": hard_sigmoid,
        "hard_silu": lambda values: values * hard_sigmoid(values),
        "gelu": lambda values: 0.5 * values * (1.0 + error_function(values * 0.5**0.5)),
    }
