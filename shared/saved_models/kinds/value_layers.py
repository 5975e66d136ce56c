"""Converts layers that work on values alone: dense ones, normalizations, activations, noise, and what joins others."""

import math
from collections.abc import Callable

from deepchord.shared.network import (
    ActivationLayer,
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    Multiply,
    Rescaling,
    Reshape,
    SpatialDropout2D,
)
from deepchord.shared.saved_models.kinds.converted import Converted, bias_names, bounded, epsilon, has_bias, stored
from deepchord.shared.saved_models.options import Options, as_number

#: What `BatchNormalization` adds to a variance where nothing is to be added.
_NO_EPSILON = 1e-12
#: Keras divides by a smaller deviation as by this.
_LEAST_DEVIATION = 1e-7


def dense(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    units = bounded(options, options.whole("units", "output_dim"), 65536)
    layer = Dense(units=units, activation=options.activation(), use_bias=has_bias(options))
    return stored(options, layer, "kernel", *bias_names(options))


def normalization(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((0,), "mode")
    options.only((False,), "renorm")
    options.only((None,), "virtual_batch_size")
    axis = options.side("axis", default=-1)
    found = BatchNormalization(epsilon=epsilon(options), momentum=_momentum(options))
    return stored(options, found, *_scaled(options), "moving_mean", "moving_variance", axis=axis)


def standardization(options: Options) -> Converted:
    """Return our layer of Keras's Normalization: by numbers of its configuration, or else by two of its weights."""
    options.only((False,), "invert")
    axis = options.side("axis", default=-1)
    mean, variance = options.get("mean"), options.get("variance")
    if mean is None and variance is None:
        # With an epsilon that changes no float32 but those next to 0, so that it is a division by the deviation.
        layer = BatchNormalization(epsilon=_NO_EPSILON, trainable=False)
        return stored(options, layer, "moving_mean", "moving_variance", axis=axis)
    means, variances = (_numbers(options, name) for name in ("mean", "variance"))
    if len(means) != len(variances) or min(variances) < 0:
        options.refuse(f"has the means {options.shown('mean')} and the variances {options.shown('variance')}")
    scales = tuple(1 / max(math.sqrt(variance), _LEAST_DEVIATION) for variance in variances)
    offsets = tuple(-mean * scale for mean, scale in zip(means, scales, strict=True))
    is_one = len(scales) == 1
    layer_of_numbers = Rescaling(scale=scales[0] if is_one else scales, offset=offsets[0] if is_one else offsets)
    return stored(options, layer_of_numbers, axis=axis)


def _numbers(options: Options, name: str) -> list[float]:
    """Return the numbers of an option, however deeply they are nested in lists."""
    found = options.get(name)
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    numbers = [as_number(each) for each in (found if isinstance(found, list) else [found])]
    known = [each for each in numbers if each is not None]
    if not known or len(known) < len(numbers):
        options.refuse(f"has {name} {options.shown(name)}")
    return known


def _momentum(options: Options) -> float:
    momentum = options.number("momentum", default=0.99)
    if not 0.0 <= momentum < 1.0:
        options.refuse(f"has the momentum {momentum:g}")
    return momentum


def _scaled(options: Options) -> list[str]:
    """Return the weights with which a normalization scales and moves its values."""
    trained = (("gamma", options.flag("scale", default=True)), ("beta", options.flag("center", default=True)))
    return [name for name, is_there in trained if is_there]


def layer_normalization(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((False,), "rms_scaling")
    layer = LayerNormalization(epsilon=epsilon(options))
    return stored(options, layer, *_scaled(options), axis=options.side("axis", default=-1))


def group_normalization(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    layer = GroupNormalization(
        groups=bounded(options, options.side("groups", default=32), 65536), epsilon=epsilon(options)
    )
    return stored(options, layer, *_scaled(options), axis=options.side("axis", default=-1))


def activation_layer(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    return stored(options, ActivationLayer(activation=options.activation()))


def relu(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((None, 6, 6.0), "max_value")
    for name in ("negative_slope", "threshold"):
        options.only((0.0, 0, None, (0.0,)), name)
    name = "relu" if options.get("max_value") is None else "relu6"
    return stored(options, ActivationLayer.model_validate({"activation": name}))


def leaky_relu(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    slope = options.number("negative_slope", "alpha", default=0.3)
    if not 0.0 <= slope <= 1.0:
        options.refuse(f"has the slope {slope:g}")
    return stored(options, LeakyReLU(negative_slope=slope))


def elu(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((1.0, 1), "alpha")
    return stored(options, ActivationLayer(activation="elu"))


def softmax(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((-1,), "axis")
    return stored(options, ActivationLayer(activation="softmax"))


def dropout(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    rate = options.number("rate", "p", default=0.0)
    if not 0.0 <= rate < 1.0:
        options.refuse(f"has the rate {rate:g}")
    return stored(options, (SpatialDropout2D if options.kind == "SpatialDropout2D" else Dropout)(rate=rate))


def gaussian_noise(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    deviation = options.number("stddev", "sigma", default=0.0)
    if not 0.0 <= deviation <= 1000.0:
        options.refuse(f"has the standard deviation {deviation:g}")
    return stored(options, GaussianNoise(stddev=deviation))


def reshaped(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    target = options.get("target_shape")
    lengths = target if isinstance(target, list) else []
    if lengths == [-1] or (len(lengths) == 1 and type(lengths[0]) is int):
        return stored(options, Flatten())
    if not 2 <= len(lengths) <= 3 or not all(type(each) is int and 1 <= each <= 2**20 for each in lengths):
        options.refuse(f"makes the shape {options.shown('target_shape')}")
    return stored(options, Reshape(target_shape=tuple(lengths)))


def rescaled(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    offset = _one_or_more(options, "offset") if "offset" in options.values else 0.0
    return stored(options, Rescaling(scale=_one_or_more(options, "scale"), offset=offset))


def _one_or_more(options: Options, name: str) -> float | tuple[float, ...]:
    """Return the number of an option, or the numbers of a list."""
    found = options.get(name)
    numbers = tuple(as_number(each) for each in (found if isinstance(found, list) else [found]))
    known = tuple(each for each in numbers if each is not None)
    if not known or len(known) < len(numbers):
        options.refuse(f"has {name} {options.shown(name)}")
    return known if isinstance(found, list) else known[0]


def joined(kind: type[Add | Multiply | Average]) -> Callable[[Options], Converted]:
    """Return what converts layers of one kind that join others."""
    return lambda options: stored(options, kind())


def concatenated(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    return stored(options, Concatenate(), axis=options.side("axis", default=-1))
