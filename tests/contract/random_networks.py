"""Random networks and weights: what every engine, and every file that is made of a network, must compute alike."""

from typing import get_args

import hypothesis
import numpy as np
from hypothesis import strategies as st

from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.errors import InputError
from deepchord.shared.network import (
    Activation,
    ActivationLayer,
    Add,
    Architecture,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MaxPooling1D,
    MaxPooling2D,
    Multiply,
    Rescaling,
    Reshape,
    Residual,
    ResolvedArchitecture,
    SeparableConv2D,
    SpatialDropout2D,
    UpSampling2D,
    ZeroPadding2D,
)

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


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


activations = st.sampled_from(ACTIVATIONS)
paddings = st.sampled_from(["same", "valid"])
small = st.integers(1, 4)
sides = small | st.tuples(small, small)
biases = st.booleans()

#: Layers that take whatever there is, and change no shape.
ANYWHERE: list[st.SearchStrategy[Layer]] = [
    st.builds(Dropout, rate=st.sampled_from([0.0, 0.5])),
    st.builds(GaussianNoise, stddev=st.sampled_from([0.0, 0.5])),
    st.builds(BatchNormalization, epsilon=st.sampled_from([0.001, 0.1])),
    st.builds(LayerNormalization, epsilon=st.sampled_from([0.001, 0.1])),
    st.builds(ActivationLayer, activation=activations),
    st.builds(LeakyReLU, negative_slope=st.sampled_from([0.0, 0.1, 0.3])),
    st.builds(Rescaling, scale=st.sampled_from([0.5, 2.0]), offset=st.sampled_from([0.0, -1.0])),
]
ON_IMAGES: list[st.SearchStrategy[Layer]] = [
    st.builds(
        Conv2D,
        filters=small,
        kernel_size=sides,
        strides=sides,
        padding=paddings,
        activation=activations,
        use_bias=biases,
    ),
    st.builds(
        Conv2D, filters=st.sampled_from([2, 4]), kernel_size=small, padding=paddings, dilation_rate=st.integers(1, 3)
    ),
    st.builds(Conv2D, filters=st.sampled_from([2, 4]), groups=st.sampled_from([1, 2]), strides=st.integers(1, 2)),
    st.builds(
        DepthwiseConv2D,
        kernel_size=sides,
        strides=small,
        padding=paddings,
        depth_multiplier=st.integers(1, 2),
        activation=activations,
        use_bias=biases,
    ),
    st.builds(
        SeparableConv2D,
        filters=small,
        kernel_size=small,
        strides=small,
        padding=paddings,
        depth_multiplier=st.integers(1, 2),
        activation=activations,
        use_bias=biases,
    ),
    st.builds(
        Conv2DTranspose,
        filters=small,
        kernel_size=sides,
        strides=st.integers(1, 3),
        padding=paddings,
        activation=activations,
        use_bias=biases,
    ),
    st.builds(MaxPooling2D, pool_size=sides, padding=paddings, strides=st.none() | small),
    st.builds(AveragePooling2D, pool_size=sides, padding=paddings, strides=st.none() | small),
    st.builds(ZeroPadding2D, padding=st.integers(0, 2) | st.just(((0, 1), (2, 0)))),
    st.builds(UpSampling2D, size=st.integers(1, 2) | st.just((2, 1))),
    st.builds(GroupNormalization, groups=st.integers(1, 2)),
    st.builds(SpatialDropout2D, rate=st.sampled_from([0.0, 0.5])),
    *ANYWHERE,
]
ON_SEQUENCES: list[st.SearchStrategy[Layer]] = [
    st.builds(
        Conv1D,
        filters=small,
        kernel_size=small,
        strides=small,
        padding=st.sampled_from(["same", "valid", "causal"]),
        activation=activations,
        use_bias=biases,
    ),
    st.builds(
        Conv1D,
        filters=st.sampled_from([2, 4]),
        dilation_rate=st.integers(1, 3),
        padding=st.sampled_from(["same", "causal"]),
    ),
    st.builds(MaxPooling1D, pool_size=small, padding=paddings, strides=st.none() | small),
    st.builds(AveragePooling1D, pool_size=small, padding=paddings, strides=st.none() | small),
    st.builds(GroupNormalization, groups=st.integers(1, 2)),
    *ANYWHERE,
]


@st.composite
def random_architectures(draw: st.DrawFn) -> ResolvedArchitecture:
    """Small networks of all layers and options, with branches, for images of odd sizes, or for rows of a table."""
    same = st.builds(Conv2D, filters=small, kernel_size=small, activation=activations)
    on_images = st.one_of(
        *ON_IMAGES, st.builds(Residual, layers=st.lists(st.one_of(same, *ANYWHERE), min_size=1, max_size=3))
    )
    on_rows = st.one_of(
        st.builds(Dense, units=small, activation=activations, use_bias=biases),
        *ANYWHERE,
    )
    shape: tuple[int, ...] = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)))
    layers = [*draw(st.lists(on_images, max_size=3)), *draw(branches())]
    if draw(st.integers(0, 3)) == 0:
        shape, layers = shape[:1], []
    elif draw(st.booleans()):
        layers += draw(sequences(layers, shape))
    else:
        layers.append(draw(st.sampled_from([Flatten(), GlobalAveragePooling2D(), GlobalMaxPooling2D()])))
    layers += [*draw(st.lists(on_rows, max_size=2)), Dense(units="classes", activation="softmax")]
    try:
        return Architecture(layers=tuple(layers)).resolve(input_shape=shape, classes=3)
    except InputError:
        hypothesis.reject()


@st.composite
def branches(draw: st.DrawFn) -> list[Layer]:
    """Two or three convolutions of one value, joined; or none."""
    count = draw(st.integers(1, 3))
    if count == 1:
        return []
    first = Conv2D(filters=draw(small), name="trunk", activation=draw(activations))
    filters = draw(small)
    arms = [
        Conv2D(filters=filters, kernel_size=draw(small), activation=draw(activations), name=name, inputs=("trunk",))
        for name in ("arm1", "arm2", "arm3")[:count]
    ]
    join = draw(st.sampled_from([Add, Multiply, Average, Concatenate]))
    return [first, *arms, join(inputs=tuple(arm.name for arm in arms))]


@st.composite
def sequences(draw: st.DrawFn, before: list[Layer], shape: tuple[int, ...]) -> list[Layer]:
    """The rows of an image as steps of a sequence, some layers on it, and one vector of it."""
    try:
        ended = Architecture(layers=(*before, Flatten(), Dense(units="classes", activation="softmax")))
        *lengths, channels = ended.resolve(input_shape=shape, classes=3).layers[-2].input_shape
    except InputError:
        hypothesis.reject()
    reshape = Reshape(target_shape=(int(np.prod(lengths)), channels))
    end = draw(st.sampled_from([Flatten(), GlobalAveragePooling1D(), GlobalMaxPooling1D()]))
    return [reshape, *draw(st.lists(st.one_of(*ON_SEQUENCES), max_size=2)), end]
