"""Makes the layers of Keras for an architecture; the caller passes Keras in, and 2 and 3 take the same arguments."""

from collections.abc import Mapping
from typing import Any

from deepchord.shared.network.layers import (
    NETWORK_INPUT,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    NoiseLayer,
    SeparableConv2D,
    SpatialDropout2D,
)
from deepchord.shared.network.resolution import ResolvedArchitecture, ResolvedLayer

#: Keras's class for each type of layer. Its arguments have the names of our options.
_CLASSES = {
    "conv2d": "Conv2D",
    "depthwise_conv2d": "DepthwiseConv2D",
    "separable_conv2d": "SeparableConv2D",
    "conv2d_transpose": "Conv2DTranspose",
    "conv1d": "Conv1D",
    "max_pooling2d": "MaxPooling2D",
    "average_pooling2d": "AveragePooling2D",
    "global_average_pooling2d": "GlobalAveragePooling2D",
    "global_max_pooling2d": "GlobalMaxPooling2D",
    "max_pooling1d": "MaxPooling1D",
    "average_pooling1d": "AveragePooling1D",
    "global_average_pooling1d": "GlobalAveragePooling1D",
    "global_max_pooling1d": "GlobalMaxPooling1D",
    "flatten": "Flatten",
    "reshape": "Reshape",
    "zero_padding2d": "ZeroPadding2D",
    "up_sampling2d": "UpSampling2D",
    "rescaling": "Rescaling",
    "dense": "Dense",
    "activation": "Activation",
    "leaky_relu": "LeakyReLU",
    "dropout": "Dropout",
    "spatial_dropout2d": "SpatialDropout2D",
    "gaussian_noise": "GaussianNoise",
    "batch_normalization": "BatchNormalization",
    "layer_normalization": "LayerNormalization",
    "group_normalization": "GroupNormalization",
    "add": "Add",
    "concatenate": "Concatenate",
    "multiply": "Multiply",
    "average": "Average",
}
_ZEROS = "zeros"


def keras_layers(layers: Any, architecture: ResolvedArchitecture, *, dropout_scale: float = 1.0) -> dict[str, Any]:
    """Return the layers of a network by their names, in its order; their weights must be set before use.

    Args:
        layers: `keras.layers`, or an object with the same classes.
        architecture: The network.
        dropout_scale: The factor for the rates of all dropout layers.
    """
    return {each.name: _make_layer(layers, each, dropout_scale) for each in architecture.layers}


def connected(architecture: ResolvedArchitecture, layers: Mapping[str, Any], tensor: Any) -> Any:
    """Return the output of a network for an input tensor.

    Args:
        architecture: The network.
        layers: What `keras_layers` made of it, by name.
        tensor: The network's input.
    """
    outputs = {NETWORK_INPUT: tensor}
    for each in architecture.layers:
        inputs, layer = [outputs[name] for name in each.inputs], layers[each.name]
        if not each.layer.trainable:
            layer.trainable = False  # before the call, by which Keras 2 decides how a normalization computes
        outputs[each.name] = layer(inputs if each.layer.joins else inputs[0])
        if not each.layer.trainable:
            layer.trainable = False  # after it, too: Keras 3 marks the variables, which the call has made
    return outputs[architecture.layers[-1].name]


def _make_layer(layers: Any, resolved: ResolvedLayer, dropout_scale: float) -> Any:
    layer, name = resolved.layer, resolved.name
    # Options with default values that Keras 2 does not know are left out.
    options = layer.model_dump(exclude={"type", "name", "inputs", "trainable", "kernel_l1", "kernel_l2"})
    match layer:
        # Kernels start as zeros, because all weights are set later. Drawing random ones would take seconds in JAX.
        case Conv2D() | Conv2DTranspose() | Conv1D():
            options["kernel_initializer"] = _ZEROS
        case DepthwiseConv2D():
            options["depthwise_initializer"] = _ZEROS
        case SeparableConv2D():
            options["depthwise_initializer"] = options["pointwise_initializer"] = _ZEROS
        case Dense():
            options["units"], options["kernel_initializer"] = resolved.output_shape[0], _ZEROS
        case Dropout() | SpatialDropout2D():
            options["rate"] = layer.rate * dropout_scale
        case Flatten() if len(resolved.input_shape) == 1:
            # Keras 2 refuses to flatten an input that is already flat.
            return layers.Activation(activation="linear", name=name)
    if isinstance(layer, NoiseLayer):
        # Seeds are set for each epoch.
        options["seed"] = 0
    return getattr(layers, _CLASSES[layer.type])(**options, name=name)
