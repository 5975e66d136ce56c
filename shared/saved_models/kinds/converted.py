"""A converted layer, and what the conversions of all kinds of layers have in common."""

from dataclasses import dataclass

from deepchord.shared.network import (
    MergingLayer,
    SimpleLayer,
)
from deepchord.shared.saved_models.options import Options


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A layer of the allow-list, and how the file stores the layer of Keras."""

    layer: SimpleLayer | MergingLayer
    #: The layer's class in Keras, and its name.
    kind: str
    name: str
    #: Which weights of `layer` the file has, in the order of the file; a bias may be missing, for instance.
    weights: tuple[str, ...] = ()
    #: Whether it takes channels first; None: it does not say.
    channels_first: bool | None = None
    #: The axis of batch normalization.
    axis: int | None = None


def channels_first(options: Options) -> bool | None:
    """Return whether a layer takes channels first; None if it does not say."""
    found = options.get("data_format", "dim_ordering")
    if found is None:
        return None
    orders = {"channels_first": True, "th": True, "channels_last": False, "tf": False}
    if not isinstance(found, str) or found not in orders:
        options.refuse(f"has data_format {found!r:.40}")
    return orders[found]


def stored(options: Options, layer: SimpleLayer | MergingLayer, *weights: str, axis: int | None = None) -> Converted:
    """Return a layer with the names of the weights that the file has, and the axis that it works along."""
    first = channels_first(options)
    return Converted(
        layer=layer, kind=options.kind, name=options.name, weights=weights, channels_first=first, axis=axis
    )


def bounded(options: Options, value: int, most: int) -> int:
    """Return a whole number; refuse one that is below 1, or larger than `most`."""
    if not 1 <= value <= most:
        options.refuse(f"has the size {value!r:.20}")
    return value


def window(options: Options, sides: int | tuple[int, int]) -> int | tuple[int, int]:
    """Return the sides of a window; refuse those that are too large."""
    if isinstance(sides, int):
        return bounded(options, sides, 64)
    return bounded(options, sides[0], 64), bounded(options, sides[1], 64)


def has_bias(options: Options) -> bool:
    """Return whether a layer has a bias."""
    return options.flag("use_bias", "bias", default=True)


def bias_names(options: Options) -> tuple[str, ...]:
    """Return the name of the bias as a list of weights; none if there is none."""
    return ("bias",) if has_bias(options) else ()


def filters(options: Options) -> int:
    """Return how many filters a convolution has."""
    return bounded(options, options.whole("filters", "nb_filter"), 65536)


def epsilon(options: Options) -> float:
    """Return what a normalization adds to a variance."""
    epsilon = options.number("epsilon", default=0.001)
    if not 0.0 < epsilon <= 1.0:
        options.refuse(f"has epsilon {epsilon}")
    return epsilon
