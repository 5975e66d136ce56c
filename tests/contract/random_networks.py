"""Random networks and weights: what every engine, and every file that is made of a network, must compute alike."""

import hypothesis
import numpy as np
from hypothesis import strategies as st

from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.errors import InputError
from deepchord.shared.network import (
    ActivationLayer,
    Architecture,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Residual,
    ResolvedArchitecture,
)

ACTIVATIONS = ("relu", "elu", "selu", "tanh", "sigmoid", "softmax", "linear")


def random_weights(architecture: ResolvedArchitecture, seed: int = 0) -> Weights:
    """Weights that are all different; scales and variances are positive."""
    generator = np.random.default_rng(seed)

    def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name in ("gamma", "moving_variance"):
            return generator.uniform(0.5, 1.5, shape).astype(np.float32)
        return generator.normal(0, 0.5, shape).astype(np.float32)

    return tuple(
        tuple(drawn(weight.name, weight.shape) for weight in layer.weights) for layer in weighted_layers(architecture)
    )


@st.composite
def random_architectures(draw: st.DrawFn) -> ResolvedArchitecture:
    """Small networks of all layers and options, for images of odd sizes, or for rows of a table."""
    activation = st.sampled_from(ACTIVATIONS)
    padding = st.sampled_from(["same", "valid"])
    small = st.integers(1, 4)
    anywhere: list[st.SearchStrategy[Layer]] = [
        st.builds(Dropout, rate=st.sampled_from([0.0, 0.5])),
        st.builds(BatchNormalization, epsilon=st.sampled_from([0.001, 0.1])),
        st.builds(ActivationLayer, activation=activation),
    ]
    on_images = st.one_of(
        st.builds(Conv2D, filters=small, kernel_size=small, strides=small, padding=padding, activation=activation),
        st.builds(MaxPooling2D, pool_size=small, padding=padding),
        st.builds(AveragePooling2D, pool_size=small, padding=padding),
        *anywhere,
    )
    same = st.builds(Conv2D, filters=small, kernel_size=small, activation=activation)
    on_images |= st.builds(Residual, layers=st.lists(st.one_of(same, *anywhere), min_size=1, max_size=3))
    on_rows = st.one_of(st.builds(Dense, units=small, activation=activation), *anywhere)
    shape: tuple[int, ...] = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)))
    before: tuple[Layer, ...] = (
        *draw(st.lists(on_images, max_size=4)),
        draw(st.sampled_from([Flatten(), GlobalAveragePooling2D()])),
    )
    if draw(st.integers(0, 3)) == 0:
        shape, before = shape[:1], ()
    layers = (*before, *draw(st.lists(on_rows, max_size=2)), Dense(units="classes", activation="softmax"))
    try:
        return Architecture(layers=layers).resolve(input_shape=shape, classes=3)
    except InputError:
        hypothesis.reject()
