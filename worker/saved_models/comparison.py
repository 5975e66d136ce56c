"""Compares two networks layer by layer; differences that only matter in training are ignored."""

import itertools
from collections.abc import Iterable, Iterator

from deepchord.shared.network import ActivationLayer, Architecture, Conv2D, Dense, Dropout, Flatten, Layer, Residual

_FLAT = ("flatten", "global_average_pooling2d", "dense")
#: Options that do not matter for predictions.
_TRAINING_ONLY = {"momentum"}

Step = dict[str, object]


def difference(saved: Architecture, given: Architecture, classes: int) -> str | None:
    """Return the first difference from the network in a file, as a clause; None if both compute the same."""
    pairs = itertools.zip_longest(_steps(saved.layers, classes), _steps(given.layers, classes))
    for number, (one, other) in enumerate(pairs, 1):
        if one == other:
            continue
        if one is None or other is None:
            return f"it has {'fewer' if one is None else 'more'} steps, the first of them {_words(one or other or {})}"
        if one["type"] != other["type"]:
            return f"its step {number} is {_words(one)}, not {_words(other)}"
        options = [name for name in one if one[name] != other.get(name)]
        theirs, ours = ({name: step.get(name) for name in options} for step in (one, other))
        return f"its step {number}, {one['type']}, has {_listed(theirs)}, not {_listed(ours)}"
    return None


def _steps(layers: Iterable[Layer], classes: int) -> Iterator[Step]:
    """Yield the steps of a computation in order; activations are steps of their own."""
    is_flat = False
    for layer in layers:
        if isinstance(layer, Residual):
            yield {"type": "residual"}
            yield from _steps(layer.layers, classes)
            yield {"type": "end of the residual block"}
        elif not isinstance(layer, Dropout | ActivationLayer) and not (is_flat and isinstance(layer, Flatten)):
            step = {name: value for name, value in layer.model_dump().items() if name not in _TRAINING_ONLY}
            step.pop("activation", None)
            yield step | {"units": classes} if step.get("units") == "classes" else step
        if isinstance(layer, Conv2D | Dense | ActivationLayer) and layer.activation != "linear":
            yield {"type": "activation", "activation": layer.activation}
        is_flat = is_flat or layer.type in _FLAT


def _words(step: Step) -> str:
    options = _listed({name: value for name, value in step.items() if name != "type"})
    return f"{step['type']} ({options})" if options else str(step["type"])


def _listed(options: Step) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())
