"""Converts a layer of any version of Keras to a layer of the allow-list."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from deepchord.shared.network import (
    Add,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    Multiply,
)
from deepchord.shared.saved_models.kinds.converted import Converted, stored
from deepchord.shared.saved_models.kinds.training_options import penalized
from deepchord.shared.saved_models.kinds.value_layers import (
    activation_layer,
    concatenated,
    dense,
    dropout,
    elu,
    gaussian_noise,
    group_normalization,
    joined,
    layer_normalization,
    leaky_relu,
    normalization,
    relu,
    rescaled,
    reshaped,
    softmax,
    standardization,
)
from deepchord.shared.saved_models.kinds.window_layers import (
    convolution,
    convolution_1d,
    depthwise,
    global_pooling,
    global_pooling_1d,
    padded,
    pooling,
    pooling_1d,
    repeated,
    separable,
    transposed,
)
from deepchord.shared.saved_models.options import Options

#: Older and alternative names of classes.
_ALIASES = {
    "Convolution2D": "Conv2D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "Convolution1D": "Conv1D",
    "MaxPool1D": "MaxPooling1D",
    "AvgPool1D": "AveragePooling1D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}


def canonical(kind: str) -> str:
    """Return today's name of a layer's class."""
    return _ALIASES.get(kind, kind)


def converted(options: Options) -> Converted:
    """Return our layer, one of the allow-list, that computes the same as the Keras layer with these options.

    Raises:
        CheckpointError: There is none.
    """
    convert = _CONVERSIONS.get(options.kind)
    if convert is None:
        options.refuse_kind()
    return penalized(options, convert(options))


_CONVERSIONS: Mapping[str, Callable[[Options], Converted]] = MappingProxyType(
    {
        "Conv2D": convolution,
        "MaxPooling2D": pooling(MaxPooling2D),
        "AveragePooling2D": pooling(AveragePooling2D),
        "GlobalAveragePooling2D": global_pooling(GlobalAveragePooling2D),
        "GlobalMaxPooling2D": global_pooling(GlobalMaxPooling2D),
        "Conv1D": convolution_1d,
        "MaxPooling1D": pooling_1d(MaxPooling1D),
        "AveragePooling1D": pooling_1d(AveragePooling1D),
        "GlobalAveragePooling1D": global_pooling_1d(GlobalAveragePooling1D),
        "GlobalMaxPooling1D": global_pooling_1d(GlobalMaxPooling1D),
        "DepthwiseConv2D": depthwise,
        "SeparableConv2D": separable,
        "Conv2DTranspose": transposed,
        "ZeroPadding2D": padded,
        "UpSampling2D": repeated,
        "Reshape": reshaped,
        "Rescaling": rescaled,
        "Add": joined(Add),
        "Multiply": joined(Multiply),
        "Average": joined(Average),
        "Concatenate": concatenated,
        "LayerNormalization": layer_normalization,
        "GroupNormalization": group_normalization,
        "LeakyReLU": leaky_relu,
        "Flatten": lambda options: stored(options, Flatten()),
        "Dense": dense,
        "BatchNormalization": normalization,
        "Normalization": standardization,
        "Activation": activation_layer,
        "ReLU": relu,
        "ELU": elu,
        "Softmax": softmax,
        "Dropout": dropout,
        "SpatialDropout2D": dropout,
        "GaussianNoise": gaussian_noise,
    }
)
