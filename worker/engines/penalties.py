"""Penalties on large kernels (L1 and L2), as their gradients: all engines add them to those of the loss."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deepchord.shared.network import ResolvedArchitecture


@dataclass(frozen=True, kw_only=True, eq=False)
class KernelPenalty:
    """What is added to the loss for a kernel: `l1` times the sum of its sizes, and `l2` times that of its squares."""

    l1: float
    l2: float

    def gradient(self, kernel: Any, sign: Callable[[Any], Any]) -> Any:
        """Return the gradient of the penalty.

        Args:
            kernel: A tensor of the framework.
            sign: Returns the sign of each value of a tensor, 0 for 0.
        """
        return sign(kernel) * self.l1 + kernel * (2 * self.l2)


def kernel_penalties(architecture: ResolvedArchitecture, layers: Mapping[str, Any]) -> dict[int, KernelPenalty]:
    """Return the penalties of a network by the `id` of the variable that each is on.

    Args:
        architecture: The network.
        layers: Its layers in Keras by their names; their variables are made.
    """
    found: dict[int, KernelPenalty] = {}
    for layer in architecture.layers:
        l1, l2 = getattr(layer.layer, "kernel_l1", 0.0), getattr(layer.layer, "kernel_l2", 0.0)
        if l1 or l2:
            variables: Iterable[Any] = layers[layer.name].weights
            for weight, variable in zip(layer.weights, variables, strict=True):
                if weight.name.endswith("kernel"):
                    found[id(variable)] = KernelPenalty(l1=l1, l2=l2)
    return found
