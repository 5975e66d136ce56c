"""Converts stored arrays to those of our networks: Theano's mirrored kernels, and networks with channels first."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import StoredLayer, Weights, describe_shapes, read_layer, weighted_layers
from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import (
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    ResolvedArchitecture,
    ResolvedLayer,
    Shape,
    pair,
)

Array = NDArray[np.float32]

#: The values of weights that a layer was saved without.
_NEUTRAL = {"bias": np.zeros, "beta": np.zeros, "gamma": np.ones}


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How the arrays of a file must be converted."""

    #: Mirror kernels: Theano convolves with kernels that are mirrored in both directions.
    mirrors: bool
    #: Transpose kernels: Keras 1 stored them as [out, in, height, width] for channels first.
    transposes: bool
    #: Reorder the rows of the first dense layer: the image that was flattened was [channels, height, width].
    rows: bool


def stored_outputs_first(stored: Sequence[StoredLayer], network: ResolvedArchitecture) -> bool | None:
    """Return whether kernels are stored as [out, in, height, width]; None if the shapes fit both ways."""
    for found, layer in zip(stored, weighted_layers(network), strict=False):
        wanted = layer.weights[0].shape
        if isinstance(layer.layer, Conv2D) and found.arrays and len(found.arrays[0].shape) == 4:
            if found.arrays[0].shape == wanted != _outputs_first(wanted):
                return False
            if found.arrays[0].shape == _outputs_first(wanted) != wanted:
                return True
    return None


def check_theano(network: ResolvedArchitecture, source: str) -> None:
    """Raise `CheckpointError` if a layer is padded by Theano in another way than by today's engines."""
    for layer in network.layers:
        one = layer.layer
        pads = isinstance(one, Conv2D | MaxPooling2D | AveragePooling2D) and one.padding == "same"
        if pads and not (isinstance(one, Conv2D) and _is_odd(one) and pair(one.strides) == (1, 1)):
            raise CheckpointError(
                f"{source} was written on Theano, which pads in its layer {layer.name} in another way than the engines "
                "of today; it cannot be evaluated as it was trained."
            )


def _is_odd(layer: Conv2D) -> bool:
    return all(side % 2 == 1 for side in pair(layer.kernel_size))


def depends_on_order(network: ResolvedArchitecture) -> bool:
    """Return whether the input of a dense layer depends on the order of height, width and channels."""
    return any(_is_mixed(layer) for layer in network.layers)


def converted_weights(
    stored: Sequence[StoredLayer],
    present: Sequence[tuple[str, ...]],
    network: ResolvedArchitecture,
    conversion: Conversion,
    source: str,
) -> Weights:
    """Return the converted weights of a network.

    Args:
        stored: The stored layers, one for each layer of the network that has weights.
        present: The names of the weights that each of them has; missing ones get neutral values.
        network: The network.
        conversion: How the arrays must be converted.
        source: The file, for error messages.

    Raises:
        CheckpointError: A shape does not fit the network; the message names the layer and both shapes.
    """
    remaining = iter(zip(stored, present, strict=True))
    return tuple(_in_order(network, remaining, conversion, source))


def _in_order(
    network: ResolvedArchitecture,
    remaining: Iterator[tuple[StoredLayer, tuple[str, ...]]],
    conversion: Conversion,
    source: str,
) -> Iterator[tuple[Array, ...]]:
    #: For each value that is a flat image: the place in the file's order of each of its numbers.
    orders: dict[str, NDArray[np.int64]] = {}
    for layer in network.layers:
        order = orders.get(layer.inputs[0])
        made = _order_of(layer, orders, conversion, source)
        if made is not None:
            orders[layer.name] = made
        if not layer.weights:
            continue
        found, names = next(remaining)
        _check_shapes(found, names, layer, conversion, source)
        arrays = dict(zip(names, read_layer(found, source), strict=True))
        if isinstance(layer.layer, Conv2D):
            arrays["kernel"] = _kernel(arrays["kernel"], conversion)
        elif order is not None:
            arrays = _reordered(arrays, layer, order)
        yield tuple(
            arrays[weight.name] if weight.name in arrays else _NEUTRAL[weight.name](weight.shape, np.float32)
            for weight in layer.weights
        )


def _order_of(
    layer: ResolvedLayer, orders: dict[str, NDArray[np.int64]], conversion: Conversion, source: str
) -> NDArray[np.int64] | None:
    """Return the order of a layer's output in the file; None if it is that of our network."""
    if isinstance(layer.layer, Flatten) and conversion.rows and _is_mixed(layer):
        return _channels_last_of(layer.input_shape)
    taken = [orders.get(name) for name in layer.inputs]
    if isinstance(layer.layer, Dense) or all(order is None for order in taken):
        return None
    first = taken[0]
    is_same = all(order is not None and first is not None and np.array_equal(order, first) for order in taken)
    if is_same and len(layer.output_shape) == 1 and not isinstance(layer.layer, Concatenate):
        return first
    raise CheckpointError(
        f"{source} counts channels first, and its layer {layer.name} mixes what was flattened in that order with other "
        "values; expected a network with channels last."
    )


def _check_shapes(
    found: StoredLayer, names: tuple[str, ...], layer: ResolvedLayer, conversion: Conversion, source: str
) -> None:
    shapes = {weight.name: weight.shape for weight in layer.weights}
    if isinstance(layer.layer, Conv2D) and conversion.transposes:
        shapes["kernel"] = _outputs_first(shapes["kernel"])
    wanted = [shapes[name] for name in names]
    if [array.shape for array in found.arrays] != wanted:
        raise CheckpointError(
            f"{source} does not fit the network: layer {found.name} has the shapes "
            f"{describe_shapes([array.shape for array in found.arrays])}, expected {describe_shapes(wanted)} for "
            f"{layer.name}. Give the network that it was trained with (--architecture file.toml)."
        )


def _kernel(kernel: Array, conversion: Conversion) -> Array:
    if conversion.transposes:
        kernel = kernel.transpose(2, 3, 1, 0)
    if conversion.mirrors:
        kernel = kernel[::-1, ::-1]
    return np.ascontiguousarray(kernel)


def _reordered(arrays: dict[str, Array], layer: ResolvedLayer, order: NDArray[np.int64]) -> dict[str, Array]:
    """Return arrays with their first axis in the order of channels last; the bias of a dense layer stays as it is."""
    kept = ("bias",) if isinstance(layer.layer, Dense) else ()
    return {name: array if name in kept else array[order] for name, array in arrays.items()}


def _channels_last_of(shape: Shape) -> NDArray[np.int64]:
    """Return, for each position in a flat image with channels last, its position with channels first."""
    height, width, channels = shape
    return np.arange(math.prod(shape)).reshape(channels, height, width).transpose(1, 2, 0).ravel()


def _is_mixed(layer: ResolvedLayer) -> bool:
    shape = layer.input_shape
    return isinstance(layer.layer, Flatten) and len(shape) == 3 and shape[2] > 1 and shape[0] * shape[1] > 1


def _outputs_first(shape: Shape) -> Shape:
    rows, columns, inputs, outputs = shape
    return (outputs, inputs, rows, columns)
