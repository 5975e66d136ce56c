"""The layers that a network may have, as data: their options, the shapes that they make, and their weights."""

from deepchord.shared.network.layers.composition import (
    LAYER_TYPES,
    SIMPLE_LAYER_TYPES,
    Layer,
    Layered,
    MergingLayer,
    Residual,
    SimpleLayer,
)
from deepchord.shared.network.layers.convolutions import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)
from deepchord.shared.network.layers.dense import ActivationLayer, Dense, LeakyReLU
from deepchord.shared.network.layers.layer import (
    NETWORK_INPUT,
    Activation,
    NetworkLayer,
    Padding,
    pair,
)
from deepchord.shared.network.layers.merging import Add, Average, Concatenate, Multiply
from deepchord.shared.network.layers.noise import Dropout, GaussianNoise, NoiseLayer, SpatialDropout2D
from deepchord.shared.network.layers.normalizations import BatchNormalization, GroupNormalization, LayerNormalization
from deepchord.shared.network.layers.place import Outline, Place, Shape, WeightShape
from deepchord.shared.network.layers.poolings import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from deepchord.shared.network.layers.reshaping import Flatten, Rescaling, Reshape, UpSampling2D, ZeroPadding2D

__all__ = [
    "LAYER_TYPES",
    "NETWORK_INPUT",
    "SIMPLE_LAYER_TYPES",
    "Activation",
    "ActivationLayer",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Layer",
    "LayerNormalization",
    "Layered",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "MergingLayer",
    "Multiply",
    "NetworkLayer",
    "NoiseLayer",
    "Outline",
    "Padding",
    "Place",
    "Rescaling",
    "Reshape",
    "Residual",
    "SeparableConv2D",
    "Shape",
    "SimpleLayer",
    "SpatialDropout2D",
    "UpSampling2D",
    "WeightShape",
    "ZeroPadding2D",
    "pair",
]
