"""Converts layers that look at windows of an image: convolutions and poolings, and what changes its size."""

from collections.abc import Callable
from typing import Any

from deepchord.shared.network import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from deepchord.shared.saved_models.kinds.converted import (
    Converted,
    bias_names,
    bounded,
    channels_first,
    filters,
    has_bias,
    stored,
    window,
)
from deepchord.shared.saved_models.options import Options


def convolution(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    rows, columns = options.get("nb_row"), options.get("nb_col")
    if rows != columns and not (type(rows) is int and type(columns) is int):
        options.refuse(f"has a kernel of {options.shown('nb_row')} by {options.shown('nb_col')} pixels")
    kernel = (rows, columns) if rows != columns else None
    layer = Conv2D(
        filters=filters(options),
        kernel_size=window(options, kernel or options.sides("kernel_size", "nb_row")),
        strides=window(options, options.sides("strides", "subsample", default=1)),
        padding=options.padding(),
        activation=options.activation(),
        dilation_rate=window(options, options.sides("dilation_rate", "atrous_rate", default=1)),
        groups=bounded(options, options.side("groups", default=1), 65536),
        use_bias=has_bias(options),
    )
    return stored(options, layer, "kernel", *bias_names(options))


def convolution_1d(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    layer = Conv1D(
        filters=filters(options),
        kernel_size=_length(options, "kernel_size", "filter_length"),
        strides=_length(options, "strides", "subsample_length", default=1),
        padding=options.one_of(("same", "valid", "causal"), "padding", "border_mode", default="valid"),
        activation=options.activation(),
        dilation_rate=_length(options, "dilation_rate", "atrous_rate", default=1),
        groups=bounded(options, options.side("groups", default=1), 65536),
        use_bias=has_bias(options),
    )
    _check_sequence(options)
    return stored(options, layer, "kernel", *bias_names(options))


def pooling_1d(kind: type[MaxPooling1D | AveragePooling1D]) -> Callable[[Options], Converted]:
    """Return what converts poolings of sequences of one kind."""

    def convert(options: Options) -> Converted:
        _check_sequence(options)
        size = _length(options, "pool_size", "pool_length", default=2)
        strides = size if options.get("strides", "stride") is None else _length(options, "strides", "stride")
        return stored(options, kind(pool_size=size, padding=options.padding(), strides=strides))

    return convert


def global_pooling_1d(kind: type[GlobalAveragePooling1D | GlobalMaxPooling1D]) -> Callable[[Options], Converted]:
    """Return what converts poolings of all steps of one kind."""

    def convert(options: Options) -> Converted:
        _check_sequence(options)
        options.only((False,), "keepdims")
        return stored(options, kind())

    return convert


def _length(options: Options, *names: str, default: int | None = None) -> int:
    """Return the length of a window of steps, which Keras also writes as a list of one number."""
    return bounded(options, options.side(*names, default=default), 64)


def _check_sequence(options: Options) -> None:
    if channels_first(options):
        options.refuse("counts channels first")


def depthwise(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    layer = DepthwiseConv2D(**_depthwise_options(options))
    return stored(options, layer, "depthwise_kernel", *bias_names(options))


def separable(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    layer = SeparableConv2D(filters=filters(options), **_depthwise_options(options))
    return stored(options, layer, "depthwise_kernel", "pointwise_kernel", *bias_names(options))


def _depthwise_options(options: Options) -> dict[str, Any]:
    return {
        "kernel_size": window(options, options.sides("kernel_size")),
        "strides": bounded(options, options.side("strides", default=1), 64),
        "padding": options.padding(),
        "depth_multiplier": bounded(options, options.side("depth_multiplier", default=1), 64),
        "activation": options.activation(),
        "dilation_rate": bounded(options, options.side("dilation_rate", default=1), 64),
        "use_bias": has_bias(options),
    }


def transposed(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only((None,), "output_padding")
    options.only(((1, 1), 1), "dilation_rate")
    layer = Conv2DTranspose(
        filters=filters(options),
        kernel_size=window(options, options.sides("kernel_size")),
        strides=window(options, options.sides("strides", default=1)),
        padding=options.padding(),
        activation=options.activation(),
        use_bias=has_bias(options),
    )
    return stored(options, layer, "kernel", *bias_names(options))


def pooling(kind: type[MaxPooling2D | AveragePooling2D]) -> Callable[[Options], Converted]:
    """Return what converts poolings of one kind."""

    def convert(options: Options) -> Converted:
        size = window(options, options.sides("pool_size", default=2))
        strides = size if options.get("strides") is None else window(options, options.sides("strides"))
        layer = kind(pool_size=size, padding=options.padding(), strides=None if strides == size else strides)
        return stored(options, layer)

    return convert


def global_pooling(kind: type[GlobalAveragePooling2D | GlobalMaxPooling2D]) -> Callable[[Options], Converted]:
    """Return what converts poolings of all pixels of one kind."""

    def convert(options: Options) -> Converted:
        return stored(options, kind(keepdims=options.flag("keepdims", default=False)))

    return convert


def padded(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    found = options.get("padding", default=1)
    edges = [found] * 2 if isinstance(found, int) else found
    sides = [[edge] * 2 if isinstance(edge, int) else edge for edge in edges] if isinstance(edges, list) else []
    numbers = [number for side in sides if isinstance(side, list) for number in side]
    if len(sides) != 2 or len(numbers) != 4 or not all(type(each) is int and 0 <= each <= 1024 for each in numbers):
        options.refuse(f"has padding {options.shown('padding')}")
    top, bottom, left, right = numbers
    even = top == bottom == left == right
    return stored(options, ZeroPadding2D(padding=top if even else ((top, bottom), (left, right))))


def repeated(options: Options) -> Converted:
    """Return our layer of one of Keras; raise `CheckpointError` if there is none."""
    options.only(("nearest",), "interpolation")
    return stored(options, UpSampling2D(size=window(options, options.sides("size", default=2))))
