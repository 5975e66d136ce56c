"""Makes the layers of Keras for an architecture; the caller passes Keras in, and 2 and 3 take the same arguments."""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from deepchord.shared.network.architecture import ResolvedArchitecture, ResolvedLayer
from deepchord.shared.network.layers import (
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Residual,
)

#: A layer of Keras, or a function that applies several layers.
KerasLayer = Callable[[Any], Any]


def keras_layers(layers: Any, architecture: ResolvedArchitecture, *, dropout_scale: float = 1.0) -> list[Any]:
    """Return the layers of a network, named as in its checkpoints; their weights must be set before use.

    Args:
        layers: `keras.layers`, or an object with the same classes.
        architecture: The network.
        dropout_scale: The factor for the rates of all dropout layers.
    """
    return _make_layers(layers, architecture.layers, dropout_scale)


def chained(layers: Iterable[KerasLayer], tensor: Any) -> Any:
    """Return the output of the last layer, after a tensor has passed through all layers in order."""
    return reduce(lambda value, layer: layer(value), layers, tensor)


def _make_layers(layers: Any, resolved: tuple[ResolvedLayer, ...], dropout_scale: float) -> list[KerasLayer]:
    return [
        _make_residual(layers, each, dropout_scale)
        if isinstance(each.layer, Residual)
        else _make_layer(layers, each, dropout_scale)
        for each in resolved
    ]


def _make_residual(layers: Any, resolved: ResolvedLayer, dropout_scale: float) -> KerasLayer:
    inside, add = _make_layers(layers, resolved.layers, dropout_scale), layers.Add(name=resolved.name)
    return lambda tensor: add([tensor, chained(inside, tensor)])


def _make_layer(layers: Any, resolved: ResolvedLayer, dropout_scale: float) -> Any:
    # Kernels start as zeros, because all weights are set later. Drawing random ones would take seconds in JAX.
    name = resolved.name
    match resolved.layer:
        case Conv2D() as layer:
            return layers.Conv2D(
                layer.filters,
                layer.kernel_size,
                strides=layer.strides,
                padding=layer.padding,
                activation=layer.activation,
                kernel_initializer="zeros",
                name=name,
            )
        case MaxPooling2D() as layer:
            return layers.MaxPooling2D(layer.pool_size, padding=layer.padding, name=name)
        case AveragePooling2D() as layer:
            return layers.AveragePooling2D(layer.pool_size, padding=layer.padding, name=name)
        case GlobalAveragePooling2D():
            return layers.GlobalAveragePooling2D(name=name)
        case Flatten():
            return _make_flatten(layers, resolved)
        case Dense() as layer:
            units = resolved.output_shape[0]
            return layers.Dense(units, activation=layer.activation, kernel_initializer="zeros", name=name)
        case Dropout() as layer:
            return layers.Dropout(layer.rate * dropout_scale, seed=0, name=name)
        case BatchNormalization() as layer:
            return layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon, name=name)
        case ActivationLayer() as layer:
            return layers.Activation(layer.activation, name=name)


def _make_flatten(layers: Any, resolved: ResolvedLayer) -> Any:
    # Keras 2 refuses to flatten an input that is already flat.
    flat = len(resolved.input_shape) == 1
    return layers.Activation("linear", name=resolved.name) if flat else layers.Flatten(name=resolved.name)
