"""Small networks that have, together, every layer with every option: each engine trains and computes all of them."""

from deepchord.shared.network import (
    NETWORK_INPUT,
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
    SeparableConv2D,
    SpatialDropout2D,
    UpSampling2D,
    ZeroPadding2D,
)

_END = (Flatten(), Dense(units="classes", activation="softmax"))


def _of(*layers: Layer) -> Architecture:
    return Architecture(layers=(Conv2D(filters=2, activation="tanh", name="first"), *layers))


#: For images of 8x8x1. The first layer is a convolution, whose kernel the gradient of all others reaches. No layer that
#: draws random numbers does so here, and none depends on a batch.
EVERY_LAYER: dict[str, Architecture] = {
    "windows and strides of two lengths, without a bias": _of(
        Conv2D(filters=3, kernel_size=(3, 2), strides=(2, 1), padding="valid", activation="silu", use_bias=False),
        Conv2D(filters=2, kernel_size=3, dilation_rate=2, activation="softplus"),
        *_END,
    ),
    "groups of channels": _of(
        Conv2D(filters=4, groups=2, activation="elu"), Conv2D(filters=4, groups=4, strides=2, activation="selu"), *_END
    ),
    "each channel alone": _of(
        DepthwiseConv2D(strides=2, depth_multiplier=2, activation="gelu"),
        DepthwiseConv2D(kernel_size=2, padding="valid", use_bias=False),
        SeparableConv2D(filters=3, dilation_rate=2, activation="mish"),
        SeparableConv2D(filters=2, kernel_size=2, strides=2, padding="valid", use_bias=False),
        *_END,
    ),
    "convolutions backwards": _of(
        MaxPooling2D(pool_size=4),
        Conv2DTranspose(filters=2, strides=2, activation="tanh"),
        Conv2DTranspose(filters=3, kernel_size=(2, 3), strides=(3, 1), padding="valid", activation="sigmoid"),
        Conv2DTranspose(filters=1, kernel_size=4, strides=2, activation="linear", use_bias=False),
        *_END,
    ),
    "windows that overlap": _of(
        MaxPooling2D(pool_size=3, strides=2),
        AveragePooling2D(pool_size=2, strides=1),
        UpSampling2D(size=(2, 3)),
        MaxPooling2D(pool_size=(3, 2), strides=2, padding="same"),
        AveragePooling2D(pool_size=(2, 3), strides=(1, 2), padding="same"),
        *_END,
    ),
    "the largest value of all pixels": _of(
        Conv2D(filters=6, kernel_size=2, activation="hard_silu"),
        GlobalMaxPooling2D(),
        Flatten(),
        Dense(units=4, activation="hard_sigmoid", use_bias=False),
        *_END[1:],
    ),
    "sequences": _of(
        Reshape(target_shape=(64, 2)),
        Conv1D(filters=4, padding="causal", dilation_rate=2, activation="leaky_relu"),
        MaxPooling1D(pool_size=3),
        Conv1D(filters=4, padding="valid", strides=2, activation="tanh", use_bias=False),
        AveragePooling1D(pool_size=3, strides=2, padding="same"),
        LayerNormalization(),
        GlobalAveragePooling1D(),
        *_END[1:],
    ),
    "the largest value of all steps, and groups of a sequence": _of(
        Reshape(target_shape=(64, 2)),
        MaxPooling1D(pool_size=2, strides=1, padding="same"),
        Conv1D(filters=4, groups=2, strides=2, activation="tanh"),
        AveragePooling1D(),
        GlobalMaxPooling1D(),
        *_END[1:],
    ),
    "edges and numbers": _of(
        ZeroPadding2D(padding=((0, 1), (2, 0))),
        Rescaling(scale=(2.0, -0.5), offset=(0.1, 0.2)),
        UpSampling2D(),
        Rescaling(scale=0.5, offset=-1.0),
        ZeroPadding2D(),
        AveragePooling2D(pool_size=4),
        *_END,
    ),
    "normalizations of an image by itself": _of(
        Conv2D(filters=4, activation="linear"),
        GroupNormalization(groups=2, epsilon=0.01),
        LeakyReLU(negative_slope=0.1),
        LayerNormalization(epsilon=0.1),
        ActivationLayer(activation="relu6"),
        GaussianNoise(stddev=0.0),
        SpatialDropout2D(rate=0.0),
        Dropout(rate=0.0),
        GlobalAveragePooling2D(),
        *_END[1:],
    ),
    "channels that are scaled by their means": _of(  # Hu et al. 2018, "squeeze and excitation"
        Conv2D(filters=4, activation="tanh", name="image"),
        GlobalAveragePooling2D(),
        Dense(units=2, activation="silu"),
        Dense(units=4, activation="sigmoid"),
        Reshape(target_shape=(1, 1, 4), name="shares"),
        Multiply(inputs=("image", "shares"), name="scaled"),
        GlobalAveragePooling2D(keepdims=True, inputs=("image",)),
        Conv2D(filters=4, kernel_size=1, activation="sigmoid", name="more_shares"),
        GlobalMaxPooling2D(keepdims=True, inputs=("image",), name="largest"),
        Multiply(inputs=("scaled", "more_shares", "largest")),
        *_END,
    ),
    "branches that are joined": _of(
        Conv2D(filters=2, kernel_size=1, activation="tanh", name="left"),
        Conv2D(filters=2, kernel_size=2, activation="tanh", name="right", inputs=("first",)),
        Add(inputs=("left", "right", "first"), name="sum"),
        Average(inputs=("left", "right"), name="mean"),
        Multiply(inputs=("sum", "mean"), name="product"),
        Concatenate(inputs=("product", "right", NETWORK_INPUT)),
        Conv2D(filters=2, kernel_size=1, activation="linear"),
        *_END,
    ),
}

#: What draws random numbers or depends on a batch: engines only have to train it.
IN_TRAINING_ONLY = _of(
    GaussianNoise(stddev=0.1),
    SpatialDropout2D(rate=0.5),
    BatchNormalization(),
    DepthwiseConv2D(),
    GlobalAveragePooling2D(),
    Dropout(rate=0.2),
    *_END[1:],
)
