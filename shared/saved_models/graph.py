"""Finds the order of the layers of a saved model: a Sequential one, or a functional chain with sums."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import MAX_LAYERS
from deepchord.shared.saved_models.layers import canonical
from deepchord.shared.saved_models.options import Options

#: More than `MAX_LAYERS`, because activations, dropout and inputs are layers in Keras.
_MAX_KERAS_LAYERS = 4 * MAX_LAYERS
#: The packages of Keras's own classes. A class from another package is custom, even if its name is Keras's.
_KERAS_MODULES = ("keras", "tf_keras", "tensorflow")
#: Keras writes about 12 levels, and as many more for a model within a model; Python's recursion limit is 1000.
_MAX_LEVELS = 100


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A layer that adds the input of some layers to their output."""

    layers: tuple[Options, ...]
    #: The class of Keras that adds.
    kind: Literal["Add"] = "Add"


#: What data flows through, in order.
Chain = tuple[Options | Sum, ...]


def layers_of(configuration: Any, source: str) -> tuple[Options, ...]:
    """Return all layers of a saved model as Keras lists them.

    Raises:
        CheckpointError: The model is neither Sequential nor functional, or the configuration is not valid.
    """
    _check_depth(configuration, source)
    kind, body = _get(configuration, "class_name"), _get(configuration, "config")
    if kind not in ("Sequential", "Functional", "Model") or not _is_keras(configuration):
        raise CheckpointError(
            f"{source} holds a model of the class {str(kind)[:60]!r}, whose network the file does not tell; expected "
            "a Sequential or functional model."
        )
    is_bare = isinstance(body, list) and kind == "Sequential"  # Keras before 2.2 wrote only the list of layers
    listed = body if is_bare else _get(body, "layers")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_KERAS_LAYERS:
        raise CheckpointError(f"{source} is damaged: its configuration has no list of layers.")
    return tuple(_options(layer, position, source) for position, layer in enumerate(listed))


def chain_of(configuration: Any, layers: tuple[Options, ...], source: str) -> Chain:
    """Return the layers and sums through which the data flows, in order.

    Raises:
        CheckpointError: The network has branches that are no sums.
    """
    body = configuration["config"]
    if configuration["class_name"] == "Sequential":
        return layers
    graph = _Graph(layers, body, source)
    return tuple(graph.chain())


def _check_depth(configuration: Any, source: str) -> None:
    """Raise `CheckpointError` if the configuration is nested so deeply that comparing it may overflow the stack."""
    level = [configuration] if isinstance(configuration, Mapping | list) else []
    for _ in range(_MAX_LEVELS):
        inside = (each.values() if isinstance(each, Mapping) else each for each in level)
        level = [value for values in inside for value in values if isinstance(value, Mapping | list)]
        if not level:
            return
    raise CheckpointError(f"{source} is damaged: its configuration is nested deeper than any Keras writes it.")


def _options(layer: Any, position: int, source: str) -> Options:
    kind, values = _get(layer, "class_name"), _get(layer, "config")
    if not isinstance(kind, str) or not isinstance(values, Mapping):
        raise CheckpointError(f"{source} is damaged: layer {position} of its configuration is none.")
    name = values.get("name", _get(layer, "name"))
    found = Options(source=source, kind=canonical(kind), name=str(name)[:200], values=values)
    if not _is_keras(layer):
        found.refuse("is of somebody's own class")
    return found


def _is_keras(entry: Any) -> bool:
    module, registered = _get(entry, "module"), _get(entry, "registered_name")
    is_own = module is None or (isinstance(module, str) and module.partition(".")[0] in _KERAS_MODULES)
    return is_own and (registered is None or ">" not in str(registered))


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


class _Graph:
    """The calls of the layers of a functional model, by name."""

    def __init__(self, layers: tuple[Options, ...], body: Any, source: str) -> None:
        self._source = source
        self._layers = {layer.name: layer for layer in layers}
        nodes = {layer.name: _get(entry, "inbound_nodes") for layer, entry in zip(layers, body["layers"], strict=True)}
        self._inputs = {name: self._sources(name, calls) for name, calls in nodes.items()}
        self._begin = self._end_of(body, "input_layers")
        self._end = self._end_of(body, "output_layers")

    def chain(self) -> Iterator[Options | Sum]:
        """Return the layers from the input to the output."""
        found: list[Options | Sum] = []
        name = self._end
        while name != self._begin:
            layer = self._layer(name)
            if layer.kind == "Add":
                name, block = self._block(name)
                found.append(Sum(layers=block))
            else:
                found.append(layer)
                name = self._only_input(name)
            if len(found) > _MAX_KERAS_LAYERS:
                raise self._error("runs in a circle")
        found.append(self._layer(name))
        return reversed(found)

    def _block(self, name: str) -> tuple[str, tuple[Options, ...]]:
        """Return the layer before a block with a sum, and the layers of the block."""
        inputs = self._inputs[name]
        if len(inputs) == 2:
            for skipped, made in (inputs, inputs[::-1]):
                layers = self._between(skipped, made)
                if layers:
                    return skipped, layers
        raise self._error(f"adds in the layer {name!r} what is not a block's input and its output")

    def _between(self, begin: str, end: str) -> tuple[Options, ...]:
        found: list[Options] = []
        name = end
        while name != begin:
            inputs = self._inputs.get(name, ())
            if len(inputs) != 1 or len(found) > _MAX_KERAS_LAYERS:
                return ()
            found.append(self._layer(name))
            name = inputs[0]
        return tuple(reversed(found))

    def _layer(self, name: str) -> Options:
        if name not in self._layers:
            raise self._error("names a layer that it does not have")
        return self._layers[name]

    def _only_input(self, name: str) -> str:
        inputs = self._inputs.get(name, ())
        if len(inputs) != 1:
            raise self._error(f"is no chain: the layer {name!r} has {len(inputs)} inputs")
        return inputs[0]

    def _sources(self, name: str, calls: Any) -> tuple[str, ...]:
        if not isinstance(calls, list):
            raise self._error(f"does not say what the layer {name!r} takes")
        if len(calls) > 1:
            raise self._error(f"calls the layer {name!r} more than once")
        found: list[str] = []
        _collect(calls, found, 0)
        if any(entry is True for entry in _training(calls, 0)):
            raise self._error(f"calls the layer {name!r} as in training")
        return tuple(found)

    def _end_of(self, body: Any, which: str) -> str:
        found = _get(body, which)
        while isinstance(found, list) and len(found) == 1:
            found = found[0]
        name = found[0] if isinstance(found, list) and len(found) == 3 else None
        if not isinstance(name, str):
            raise self._error(f"has not exactly one of {which}")
        return name

    def _error(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self._source}: its network {what}; expected a chain of layers, or blocks that add their input."
        )


def _collect(value: Any, found: list[str], depth: int) -> None:
    """Collect the names of the layers whose outputs a call takes, as Keras 1, 2 and 3 write them."""
    if depth > 8:
        return
    if isinstance(value, Mapping):
        history = _get(_get(value, "config"), "keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            found.append(history[0])
        else:
            _collect(value.get("args"), found, depth + 1)
    elif isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
            found.append(value[0])
        else:
            for each in value:
                _collect(each, found, depth + 1)


def _training(value: Any, depth: int) -> Iterator[Any]:
    """Yield the values of `training` in the calls of a layer."""
    if depth > 8:
        return
    if isinstance(value, Mapping):
        yield value.get("training")
        yield from _training(value.get("kwargs"), depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _training(each, depth + 1)
