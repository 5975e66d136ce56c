"""What an engine cannot compute of the allowed layers, with the reason."""

from deepchord.shared.network.layers import Conv1D, Conv2D, DepthwiseConv2D, SeparableConv2D, pair
from deepchord.shared.network.resolution import ResolvedArchitecture, ResolvedLayer


def refusal(engine: str, network: ResolvedArchitecture) -> str | None:
    """Return why an engine cannot compute a network, as a sentence; None if it can.

    Args:
        engine: `tensorflow`, `torch`, `jax` or `plaidml`.
        network: The network.
    """
    if engine != "plaidml":
        return None
    for layer in network.layers:
        if _looks_beyond(layer):
            return (
                f"PlaidML does not compute layer {layer.name}, whose dilation_rate is not smaller than its input, of "
                f"the shape {layer.input_shape}: take a smaller dilation_rate, or another engine."
            )
    return None


def _looks_beyond(resolved: ResolvedLayer) -> bool:
    """Return whether all values of a dilated kernel but one may lie beyond the input; PlaidML ends the process then."""
    layer = resolved.layer
    if not isinstance(layer, Conv2D | DepthwiseConv2D | SeparableConv2D | Conv1D):
        return False
    apart = pair(layer.dilation_rate)
    return any(1 < step >= length for length, step in zip(resolved.input_shape[:-1], apart, strict=False))
