"""Converts a layer of any version of Keras to a layer of the allow-list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from deepchord.shared.network import (
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling2D,
    MaxPooling2D,
    SimpleLayer,
    SpatialDropout2D,
)
from deepchord.shared.saved_models.options import Options

#: Older and alternative names of classes.
_ALIASES = {
    "Convolution2D": "Conv2D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
#: Layers that do nothing in predictions, and that deepchord does not train with.
TRAINING_ONLY = frozenset(
    {
        *("GaussianDropout", "AlphaDropout"),
        *("ActivityRegularization", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
        *("RandomContrast", "RandomBrightness"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A layer of the allow-list, and how the file stores the layer of Keras."""

    layer: SimpleLayer
    #: The layer's class in Keras, and its name.
    kind: str
    name: str
    #: Which weights of `layer` the file has, in the order of the file; a bias may be missing, for instance.
    weights: tuple[str, ...] = ()
    #: Whether it takes channels first; None: it does not say.
    channels_first: bool | None = None
    #: The axis of batch normalization.
    axis: int | None = None


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
    return convert(options)


def channels_first(options: Options) -> bool | None:
    """Return whether a layer takes channels first; None if it does not say."""
    found = options.get("data_format", "dim_ordering")
    if found is None:
        return None
    orders = {"channels_first": True, "th": True, "channels_last": False, "tf": False}
    if not isinstance(found, str) or found not in orders:
        options.refuse(f"has data_format {found!r:.40}")
    return orders[found]


def _convolution(options: Options) -> Converted:
    options.only(((1, 1), 1), "dilation_rate", "atrous_rate")
    options.only((1,), "groups")
    rows, columns = options.get("nb_row"), options.get("nb_col")
    if rows != columns:
        options.refuse(f"has a kernel of {options.shown('nb_row')} by {options.shown('nb_col')} pixels")
    layer = Conv2D(
        filters=_bounded(options, options.whole("filters", "nb_filter"), 65536),
        kernel_size=_bounded(options, options.side("kernel_size", "nb_row"), 64),
        strides=_bounded(options, options.side("strides", "subsample", default=1), 64),
        padding=options.padding(),
        activation=options.activation(),
    )
    return _stored(options, layer, "kernel", *_bias(options))


def _dense(options: Options) -> Converted:
    units = _bounded(options, options.whole("units", "output_dim"), 65536)
    return _stored(options, Dense(units=units, activation=options.activation()), "kernel", *_bias(options))


def _pooling(kind: type[MaxPooling2D | AveragePooling2D]) -> Callable[[Options], Converted]:
    def convert(options: Options) -> Converted:
        size = _bounded(options, options.side("pool_size", default=2), 64)
        strides = options.side("strides", default=size) if options.get("strides") is not None else size
        if strides != size:
            options.refuse(f"has windows of {size} pixels every {strides!r:.20} pixels")
        return _stored(options, kind(pool_size=size, padding=options.padding()))

    return convert


def _global_pooling(options: Options) -> Converted:
    options.only((False,), "keepdims")
    return _stored(options, GlobalAveragePooling2D())


def _normalization(options: Options) -> Converted:
    options.only((0,), "mode")
    options.only((False,), "renorm")
    options.only((None,), "virtual_batch_size")
    axis = options.side("axis", default=-1)
    epsilon = options.number("epsilon", default=0.001)
    if not 0.0 < epsilon <= 1.0:
        options.refuse(f"has epsilon {epsilon}")
    trained = (("gamma", options.flag("scale", default=True)), ("beta", options.flag("center", default=True)))
    weights = [name for name, is_there in trained if is_there]
    found = BatchNormalization(epsilon=epsilon)
    return _stored(options, found, *weights, "moving_mean", "moving_variance", axis=axis)


def _activation(options: Options) -> Converted:
    return _stored(options, ActivationLayer(activation=options.activation()))


def _relu(options: Options) -> Converted:
    options.only((None,), "max_value")
    for name in ("negative_slope", "threshold"):
        options.only((0.0, 0, None, (0.0,)), name)
    return _stored(options, ActivationLayer(activation="relu"))


def _elu(options: Options) -> Converted:
    options.only((1.0, 1), "alpha")
    return _stored(options, ActivationLayer(activation="elu"))


def _softmax(options: Options) -> Converted:
    options.only((-1,), "axis")
    return _stored(options, ActivationLayer(activation="softmax"))


def _noise(options: Options) -> Converted:
    rate = options.number("rate", "p", default=0.0)
    if not 0.0 <= rate < 1.0:
        options.refuse(f"has the rate {rate:g}")
    return _stored(options, (SpatialDropout2D if options.kind == "SpatialDropout2D" else Dropout)(rate=rate))


def _gaussian_noise(options: Options) -> Converted:
    deviation = options.number("stddev", "sigma", default=0.0)
    if not 0.0 <= deviation <= 1000.0:
        options.refuse(f"has the standard deviation {deviation:g}")
    return _stored(options, GaussianNoise(stddev=deviation))


def _bias(options: Options) -> tuple[str, ...]:
    return ("bias",) if options.flag("use_bias", "bias", default=True) else ()


def _bounded(options: Options, value: int, most: int) -> int:
    if not 1 <= value <= most:
        options.refuse(f"has the size {value!r:.20}")
    return value


def _stored(options: Options, layer: SimpleLayer, *weights: str, axis: int | None = None) -> Converted:
    first = channels_first(options)
    return Converted(
        layer=layer, kind=options.kind, name=options.name, weights=weights, channels_first=first, axis=axis
    )


_CONVERSIONS: Mapping[str, Callable[[Options], Converted]] = MappingProxyType(
    {
        "Conv2D": _convolution,
        "MaxPooling2D": _pooling(MaxPooling2D),
        "AveragePooling2D": _pooling(AveragePooling2D),
        "GlobalAveragePooling2D": _global_pooling,
        "Flatten": lambda options: _stored(options, Flatten()),
        "Dense": _dense,
        "BatchNormalization": _normalization,
        "Activation": _activation,
        "ReLU": _relu,
        "ELU": _elu,
        "Softmax": _softmax,
        "Dropout": _noise,
        "SpatialDropout2D": _noise,
        "GaussianNoise": _gaussian_noise,
    }
)
