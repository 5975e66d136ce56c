"""Files as Keras 1 and 2 wrote them, made here, and what their networks compute, by SciPy's convolution."""

import json
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve2d, correlate2d

from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten, MaxPooling2D

#: Eight by six pixels of two channels, so that no two lengths are alike.
SHAPE = (8, 6, 2)
CLASSES = 3
NETWORK = Architecture(
    layers=(
        Conv2D(filters=4, padding="valid"),
        MaxPooling2D(),
        Flatten(),
        Dense(units="classes", activation="softmax"),
    )
)
RESOLVED = NETWORK.resolve(input_shape=SHAPE, classes=CLASSES)

Arrays = dict[str, list[tuple[str, NDArray[np.float32]]]]


def images(size: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((size, *SHAPE), dtype=np.float32)


def arrays() -> tuple[NDArray[np.float32], ...]:
    """Kernel [3, 3, 2, 4] and bias of the convolution, kernel and bias of the dense layer."""
    generator = np.random.default_rng(1)
    shapes = ((3, 3, 2, 4), (4,), (3 * 2 * 4, CLASSES), (CLASSES,))
    return tuple(generator.normal(size=shape).astype(np.float32) for shape in shapes)


def probabilities(*, mirrored: bool = False, channels_first: bool = False) -> NDArray[np.float64]:
    """What a network of these arrays gives for the images.

    Args:
        mirrored: Whether it convolves as Theano does, and mathematics; the others correlate.
        channels_first: Whether it flattens [channels, height, width].
    """
    kernel, bias, dense, dense_bias = (array.astype(np.float64) for array in arrays())
    apply = convolve2d if mirrored else correlate2d
    found = []
    for image in images().astype(np.float64):
        maps = [
            sum(apply(image[:, :, c], kernel[:, :, c, f], mode="valid") for c in range(2)) + bias[f] for f in range(4)
        ]
        pooled = np.maximum(maps, 0).reshape(4, 3, 2, 2, 2).max(axis=(2, 4))
        row = pooled.ravel() if channels_first else pooled.transpose(1, 2, 0).ravel()
        scores = np.exp(row @ dense + dense_bias)
        found.append(scores / scores.sum())
    return np.array(found)


def write_weights(root: h5py.Group, layers: Arrays, **attributes: str) -> None:
    """Write what `save_weights` of Keras 1 and 2 does."""
    root.attrs["layer_names"] = [name.encode() for name in layers]
    for name, value in attributes.items():
        root.attrs[name] = value.encode()
    for name, own in layers.items():
        group = root.create_group(name)
        group.attrs["weight_names"] = np.array([path.encode() for path, _ in own], dtype="S64")
        for path, array in own:
            group.create_dataset(path, data=array)


def keras_2(end: str = "") -> Arrays:
    """Keras 2's names; on TensorFlow, `end` is `:0`."""
    kernel, bias, dense, dense_bias = arrays()
    return {
        "conv2d_1": [(f"conv2d_1/kernel{end}", kernel), (f"conv2d_1/bias{end}", bias)],
        "max_pooling2d_1": [],
        "flatten_1": [],
        "dense_1": [(f"dense_1/kernel{end}", dense), (f"dense_1/bias{end}", dense_bias)],
    }


def keras_1(end: str = "") -> Arrays:
    """Keras 1's names and kernels, where it counts channels first."""
    kernel, bias, dense, dense_bias = arrays()
    turned = kernel.transpose(3, 2, 0, 1)
    return {
        "convolution2d_1": [(f"convolution2d_1_W{end}", turned), (f"convolution2d_1_b{end}", bias)],
        "maxpooling2d_1": [],
        "flatten_1": [],
        "dense_1": [(f"dense_1_W{end}", dense), (f"dense_1_b{end}", dense_bias)],
    }


def weights_file(path: Path, layers: Arrays, **attributes: str) -> Path:
    with h5py.File(path, "w") as file:
        write_weights(file, layers, **attributes)
    return path


def model_file(path: Path, layers: Arrays, configuration: object, **attributes: str) -> Path:
    """A whole model."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(configuration).encode()
        for name, value in attributes.items():
            file.attrs[name] = value.encode()
        write_weights(file.create_group("model_weights"), layers)
    return path


def configuration_2(order: str = "channels_last", **options: object) -> dict[str, object]:
    """What Keras 2 writes of the network; options are of the convolution."""
    shape = list(SHAPE) if order == "channels_last" else [SHAPE[2], SHAPE[0], SHAPE[1]]
    convolution = {
        "name": "conv2d_1", "batch_input_shape": [None, *shape], "filters": 4, "kernel_size": [3, 3], "strides": [1, 1],
        "padding": "valid", "data_format": order, "dilation_rate": [1, 1], "activation": "relu", "use_bias": True,
    }  # fmt: skip
    pooling = {
        "name": "max_pooling2d_1", "pool_size": [2, 2], "padding": "valid", "strides": [2, 2], "data_format": order,
    }  # fmt: skip
    dense = {"name": "dense_1", "units": 3, "activation": "softmax", "use_bias": True}
    layers = [
        {"class_name": "Conv2D", "config": convolution | options},
        {"class_name": "MaxPooling2D", "config": pooling},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.5}},
        {"class_name": "Dense", "config": dense},
    ]
    return {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}}


def configuration_1() -> dict[str, object]:
    """What Keras 1 writes of the network where it counts channels first."""
    convolution = {
        "name": "convolution2d_1", "batch_input_shape": [None, 2, 8, 6], "nb_filter": 4, "nb_row": 3, "nb_col": 3,
        "subsample": [1, 1], "border_mode": "valid", "dim_ordering": "th", "activation": "relu", "bias": True,
    }  # fmt: skip
    pooling = {
        "name": "maxpooling2d_1", "pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": "th",
    }  # fmt: skip
    dense = {"name": "dense_1", "output_dim": 3, "activation": "softmax", "bias": True, "input_dim": None}
    layers = [
        {"class_name": "Convolution2D", "config": convolution},
        {"class_name": "MaxPooling2D", "config": pooling},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5}},
        {"class_name": "Dense", "config": dense},
    ]
    return {"class_name": "Sequential", "config": layers}
