"""The network as data: the allowed layers, the shapes in a chain of layers, and the networks of the presets."""

from deepchord.shared.network.architecture import (
    MAX_LAYERS,
    Architecture,
    ResolvedArchitecture,
    ResolvedLayer,
    Shape,
    WeightShape,
)
from deepchord.shared.network.builtin import PRESET_ARCHITECTURES, default_architecture, notebook_architecture
from deepchord.shared.network.keras_layers import chained, keras_layers
from deepchord.shared.network.layers import (
    Activation,
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Padding,
    Residual,
    SimpleLayer,
)

__all__ = [
    "MAX_LAYERS",
    "PRESET_ARCHITECTURES",
    "Activation",
    "ActivationLayer",
    "Architecture",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "Layer",
    "MaxPooling2D",
    "Padding",
    "Residual",
    "ResolvedArchitecture",
    "ResolvedLayer",
    "Shape",
    "SimpleLayer",
    "WeightShape",
    "chained",
    "default_architecture",
    "keras_layers",
    "notebook_architecture",
]
