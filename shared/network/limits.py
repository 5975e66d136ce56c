"""What an engine cannot compute of the allowed layers, with the reason."""

from deepchord.shared.network.layers import Conv1D, Conv2D, DepthwiseConv2D, SeparableConv2D, pair
from deepchord.shared.network.resolution import ResolvedArchitecture, ResolvedLayer

#: PlaidML computes each group of channels by itself, and compiles as many convolutions.
_MOST_GROUPS = 64


def refusal(engine: str, network: ResolvedArchitecture, *, beta_nll: float = 0.0) -> str | None:
    """Return why an engine cannot compute a network, or not train it so, as a sentence; None if it can.

    Args:
        engine: `tensorflow`, `torch`, `jax` or `plaidml`.
        network: The network.
        beta_nll: That of the recipe.
    """
    if engine != "plaidml":
        return None
    if beta_nll:
        return "PlaidML cannot hold a gradient back, as beta_nll needs it: leave it out, or take another engine."
    for layer in network.layers:
        if _looks_beyond(layer):
            return (
                f"PlaidML does not compute layer {layer.name}, whose dilation_rate is not smaller than its input, of "
                f"the shape {layer.input_shape}: take a smaller dilation_rate, or another engine."
            )
        if isinstance(layer.layer, Conv2D | Conv1D) and layer.layer.groups > _MOST_GROUPS:
            return (
                f"PlaidML does not compute layer {layer.name}, which has {layer.layer.groups} groups; at most "
                f"{_MOST_GROUPS}: take a depthwise_conv2d, or another engine."
            )
    return None


def _looks_beyond(resolved: ResolvedLayer) -> bool:
    """Return whether all values of a dilated kernel but one may lie beyond the input; PlaidML ends the process then."""
    layer = resolved.layer
    if not isinstance(layer, Conv2D | DepthwiseConv2D | SeparableConv2D | Conv1D):
        return False
    apart = pair(layer.dilation_rate)
    return any(1 < step >= length for length, step in zip(resolved.input_shape[:-1], apart, strict=False))
