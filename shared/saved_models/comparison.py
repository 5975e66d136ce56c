"""Compares two networks layer by layer; differences that only matter in training are ignored."""

import itertools
from collections.abc import Iterable, Iterator

from deepchord.shared.network import (
    NETWORK_INPUT,
    ActivationLayer,
    Add,
    Architecture,
    Average,
    Flatten,
    Multiply,
    NoiseLayer,
    ResolvedArchitecture,
    ResolvedLayer,
    resolve_layers,
)

#: Options that do not matter for predictions, or are no options of what a layer computes.
_LEFT_OUT = {"momentum", "name", "inputs", "activation", "trainable", "kernel_l1", "kernel_l2"}

Step = dict[str, object]


def difference(saved: Architecture, given: ResolvedArchitecture) -> str | None:
    """Return the first difference from the network in a file, as a clause; None if both compute the same.

    Raises:
        InputError: The layers of the network in the file do not fit each other, or the images.
    """
    theirs = resolve_layers(saved.layers, given.input_shape, given.outputs)
    for number, (one, other) in enumerate(itertools.zip_longest(_steps(theirs), _steps(given.layers)), 1):
        if one is not None and other is not None and one.get("use_bias") is False and "use_bias" not in other:
            one = {name: value for name, value in one.items() if name != "use_bias"}  # a bias of zeros is none
        if one == other:
            continue
        if one is None or other is None:
            return f"it has {'fewer' if one is None else 'more'} steps, the first of them {_words(one or other or {})}"
        if one["type"] != other["type"]:
            return f"its step {number} is {_words(one)}, not {_words(other)}"
        options = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        saved_ones, given_ones = ({name: step.get(name) for name in options} for step in (one, other))
        return f"its step {number}, {one['type']}, has {_listed(saved_ones)}, not {_listed(given_ones)}"
    return None


def _steps(layers: Iterable[ResolvedLayer]) -> Iterator[Step]:
    """Yield the steps of a computation in order; activations are steps of their own.

    A step names the numbers of those that it takes unless it takes the one before it alone.
    """
    made_by, count = {NETWORK_INPUT: 0}, 0
    for layer in layers:
        taken = [made_by[name] for name in layer.inputs]
        if isinstance(layer.layer, Add | Multiply | Average):  # their order makes no difference
            taken.sort()
        for step in _computed(layer):
            yield step if taken == [count] else step | {"inputs": ", ".join(f"step {number}" for number in taken)}
            count += 1
            taken = [count]
        made_by[layer.name] = taken[0]


def _computed(layer: ResolvedLayer) -> Iterator[Step]:
    own = layer.layer
    does_nothing = isinstance(own, NoiseLayer | ActivationLayer)
    if not does_nothing and not (isinstance(own, Flatten) and len(layer.input_shape) == 1):
        step = {name: value for name, value in own.model_dump().items() if name not in _LEFT_OUT}
        yield step | {"units": layer.output_shape[0]} if "units" in step else step
    activation = getattr(own, "activation", "linear")
    if activation != "linear":
        yield {"type": "activation", "activation": activation}


def _words(step: Step) -> str:
    options = _listed({name: value for name, value in step.items() if name != "type"})
    return f"{step['type']} ({options})" if options else str(step["type"])


def _listed(options: Step) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())
