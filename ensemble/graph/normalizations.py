"""Normalization over groups of channels as nodes; ONNX's own takes one scale for a group, Keras's one for a channel."""

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.values import Value, channels_first
from deepchord.shared.network import GroupNormalization, ResolvedLayer


def add_group_normalization(
    part: GraphPart,
    layer: GroupNormalization,
    resolved: ResolvedLayer,
    arrays: tuple[NDArray[np.float32], ...],
    value: Value,
) -> Value:
    """Add a normalization over groups of channels; return its output."""
    turned = channels_first(part, value)
    # Each group is a channel of its own to InstanceNormalization: [images, groups, values of a group].
    grouped = part.add("Reshape", turned.name, part.integers(f"{resolved.name}/grouped", 0, layer.groups, -1))
    ones, zeros = (np.full(layer.groups, fill, np.float32) for fill in (1.0, 0.0))
    normalized = part.add(
        "InstanceNormalization",
        grouped,
        part.constant(f"{resolved.name}/ones", ones),
        part.constant(f"{resolved.name}/zeros", zeros),
        epsilon=layer.epsilon,
    )
    *lengths, channels = resolved.input_shape
    back = part.add("Reshape", normalized, part.integers(f"{resolved.name}/back", -1, channels, *lengths))
    gamma, beta = (array.reshape(channels, *(1 for _ in lengths)) for array in arrays)
    scaled = part.add("Mul", back, part.constant(f"{resolved.name}/gamma", gamma))
    return turned.becomes(part.add("Add", scaled, part.constant(f"{resolved.name}/beta", beta)))
