"""The built-in networks, and which preset trains which."""

from collections.abc import Callable, Mapping

from deepchord.shared.errors import InputError
from deepchord.shared.network.architecture import Architecture
from deepchord.shared.network.layers import (
    Activation,
    ActivationLayer,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    Residual,
    SimpleLayer,
)
from deepchord.shared.network.task import Task
from deepchord.shared.validation import suggestion, with_full_stop


def notebook_architecture() -> Architecture:
    """Return the network of the notebook: 331,450 parameters for 28x28x1 images and 10 classes."""
    return Architecture(
        layers=(
            Conv2D(filters=16),
            Conv2D(filters=16),
            MaxPooling2D(),
            Conv2D(filters=32),
            Conv2D(filters=32),
            MaxPooling2D(),
            Conv2D(filters=64),
            Conv2D(filters=64),
            Conv2D(filters=64, padding="valid"),
            Flatten(),
            Dropout(rate=0.25),
            Dense(units=128, activation="relu"),
            Dropout(rate=0.5),
            Dense(units=128, activation="relu"),
            Dropout(rate=0.5),
            Dense(units="classes", activation="softmax"),
        )
    )


def residual_architecture() -> Architecture:
    """Return a residual network with batch normalization: 474,794 parameters for 28x28x1 images and 10 classes."""
    return Architecture(
        layers=(
            *_normalized(32),
            *_normalized(32),
            MaxPooling2D(),
            *_normalized(64),
            Residual(layers=(*_normalized(64), *_normalized(64))),
            MaxPooling2D(),
            *_normalized(128),
            Residual(layers=(*_normalized(128), *_normalized(128))),
            GlobalAveragePooling2D(),
            Dense(units="classes", activation="softmax"),
        )
    )


def photograph_architecture() -> Architecture:
    """Return a residual network for photographs of 32x32 pixels: 1,649,482 parameters for 32x32x3 and 10 classes.

    It is the network of nine layers of the fastest CIFAR-10 trainings (Page 2018, "How to train your ResNet") with half
    of its filters.
    """
    return Architecture(
        layers=(
            *_normalized(32),
            *_normalized(64),
            MaxPooling2D(),
            Residual(layers=(*_normalized(64), *_normalized(64))),
            *_normalized(128),
            MaxPooling2D(),
            *_normalized(256),
            MaxPooling2D(),
            Residual(layers=(*_normalized(256), *_normalized(256))),
            GlobalMaxPooling2D(),
            Dense(units="classes", activation="softmax"),
        )
    )


def tabular_architecture() -> Architecture:
    """Return a network for rows of a table: two dense layers with batch normalization and dropout, and the last one."""
    return Architecture(layers=(*_dense(128), *_dense(128), Dense(units="classes", activation="softmax")))


def default_architecture(preset: str, task: Task = "classification") -> Architecture:
    """Return the network that a preset trains by default; only its last layer differs between tasks.

    Raises:
        InputError: There is no such preset; the message names the most similar one.
    """
    if preset not in PRESET_ARCHITECTURES:
        raise InputError(f"There is no preset {preset!r:.60}{with_full_stop(suggestion(preset, PRESET_ARCHITECTURES))}")
    architecture = PRESET_ARCHITECTURES[preset]()
    if task == "classification":
        return architecture
    activation: Activation = "sigmoid" if task == "multilabel" else "linear"
    return Architecture(layers=(*architecture.layers[:-1], Dense(units="outputs", activation=activation)))


def _normalized(filters: int) -> tuple[SimpleLayer, ...]:
    convolution = Conv2D(filters=filters, activation="linear")
    return convolution, BatchNormalization(momentum=0.9), ActivationLayer(activation="relu")


def _dense(units: int) -> tuple[SimpleLayer, ...]:
    normalized = BatchNormalization(momentum=0.9)
    return Dense(units=units), normalized, ActivationLayer(activation="relu"), Dropout(rate=0.3)


#: The network of each preset.
PRESET_ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {
    "notebook": notebook_architecture,
    "fast": notebook_architecture,
    "best": residual_architecture,
    "digits": notebook_architecture,
    "cifar10": photograph_architecture,
    "quick": notebook_architecture,
    "tabular": tabular_architecture,
}
