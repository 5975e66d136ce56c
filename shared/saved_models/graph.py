"""Finds the order of the layers of a saved model, and what each takes: of a Sequential one, or a functional one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import MAX_LAYERS
from deepchord.shared.saved_models.kinds import canonical
from deepchord.shared.saved_models.options import Options

#: More than `MAX_LAYERS`, because activations, dropout and inputs are layers in Keras.
MAX_KERAS_LAYERS = 4 * MAX_LAYERS
#: No layer of ours joins more.
_MAX_INPUTS = 64
#: The packages of Keras's own classes. A class from another package is custom, even if its name is Keras's.
_KERAS_MODULES = ("keras", "tf_keras", "tensorflow")
#: Operations of Keras 3, such as `x + y`, that compute what the layers of the same name do; `Average` does not.
_OPERATIONS = ("Add", "Multiply")
#: Keras writes about 12 levels, and as many more for a model within a model; Python's recursion limit is 1000.
_MAX_LEVELS = 100
#: What the first layer of a Sequential model takes that does not list its input.
MODEL_INPUT = "the model's input"
#: The classes of models, which may be layers of other models.
MODELS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A layer of a saved model, and the names of the layers whose outputs it takes; none for the model's input."""

    options: Options
    inputs: tuple[str, ...]
    #: Whether the models that it is in are trained, and itself.
    trainable: bool = True
    #: Whether it computes in training as in predictions: it is called with `training=False`.
    in_inference: bool = False


def layers_of(configuration: Any, source: str, keras_version: str | None = None) -> tuple[Options, ...]:
    """Return all layers of a saved model as Keras lists them.

    Args:
        configuration: The configuration.
        source: The file, for error messages.
        keras_version: The version of the Keras that wrote it; None: it is not told.

    Raises:
        CheckpointError: The model is neither Sequential nor functional, or the configuration is not valid.
    """
    _check_depth(configuration, source)
    kind, body = _get(configuration, "class_name"), _get(configuration, "config")
    if kind not in MODELS or not _is_keras(configuration):
        raise CheckpointError(
            f"{source} holds a model of the class {str(kind)[:60]!r}, whose network the file does not tell; expected "
            "a Sequential or functional model."
        )
    is_bare = isinstance(body, list) and kind == "Sequential"  # Keras before 2.2 wrote only the list of layers
    listed = body if is_bare else _get(body, "layers")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KERAS_LAYERS:
        raise CheckpointError(f"{source} is damaged: its configuration has no list of layers.")
    return tuple(_options(layer, position, source, keras_version) for position, layer in enumerate(listed))


def entries_of(configuration: Any) -> tuple[Any, ...]:
    """Return what a configuration says of each layer, if `layers_of` accepts it."""
    body = configuration["config"]
    return tuple(body if isinstance(body, list) else body["layers"])


def steps_of(configuration: Any, layers: tuple[Options, ...], source: str) -> tuple[Step, ...]:
    """Return the layers through which the data flows, each after its inputs.

    Raises:
        CheckpointError: The model has several inputs or outputs, or runs in a circle.
    """
    if configuration["class_name"] == "Sequential":
        names = [layer.name for layer in layers]
        takes_input = layers[0].kind == "InputLayer"
        first: tuple[str, ...] = () if takes_input else (MODEL_INPUT,)
        before = [first, *((name,) for name in names)]
        return tuple(Step(options=layer, inputs=inputs) for layer, inputs in zip(layers, before, strict=False))
    return _Graph(layers, configuration["config"], source).steps()


def _check_depth(configuration: Any, source: str) -> None:
    """Raise `CheckpointError` if the configuration is nested so deeply that comparing it may overflow the stack."""
    level = [configuration] if isinstance(configuration, Mapping | list) else []
    for _ in range(_MAX_LEVELS):
        inside = (each.values() if isinstance(each, Mapping) else each for each in level)
        level = [value for values in inside for value in values if isinstance(value, Mapping | list)]
        if not level:
            return
    raise CheckpointError(f"{source} is damaged: its configuration is nested deeper than any Keras writes it.")


def _options(layer: Any, position: int, source: str, keras_version: str | None) -> Options:
    kind, values = _get(layer, "class_name"), _get(layer, "config")
    if not isinstance(kind, str) or not isinstance(values, Mapping):
        raise CheckpointError(f"{source} is damaged: layer {position} of its configuration is none.")
    name = values.get("name", _get(layer, "name"))
    found = Options(
        source=source, kind=canonical(kind), name=str(name)[:200], values=values, keras_version=keras_version
    )
    if not _is_keras(layer):
        found.refuse("is of somebody's own class")
    if ".ops" in str(_get(layer, "module")) and found.kind not in _OPERATIONS:
        found.refuse("is an operation and no layer")
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
        self._in_inference: set[str] = set()
        nodes = {layer.name: _get(entry, "inbound_nodes") for layer, entry in zip(layers, body["layers"], strict=True)}
        self._inputs = {name: self._sources(name, calls) for name, calls in nodes.items()}
        self._begin = self._end_of(body, "input_layers")
        self._end = self._end_of(body, "output_layers")

    def steps(self) -> tuple[Step, ...]:
        """Return the layers that the output depends on, each after its inputs."""
        found: list[Step] = []
        done: set[str] = set()
        waiting: dict[str, None] = {}
        path = [self._end]
        while path:
            name = path[-1]
            missing = next((each for each in self._taken(name) if each not in done), None)
            if name in done or missing is None:
                path.pop()
                waiting.pop(name, None)
                if name not in done:
                    done.add(name)
                    is_off = name in self._in_inference
                    found.append(Step(options=self._layer(name), inputs=self._taken(name), in_inference=is_off))
            elif missing in waiting or missing == name:
                raise self._error("runs in a circle")
            else:
                waiting[name] = None
                path.append(missing)
        return tuple(found)

    def _taken(self, name: str) -> tuple[str, ...]:
        inputs = () if name == self._begin else self._inputs.get(name, ())
        if name != self._begin and not inputs:
            raise self._error(f"takes the layer {name!r} as another input")
        for each in inputs:
            self._layer(each)
        return inputs

    def _layer(self, name: str) -> Options:
        if name not in self._layers:
            raise self._error("names a layer that it does not have")
        return self._layers[name]

    def _sources(self, name: str, calls: Any) -> tuple[str, ...]:
        if not isinstance(calls, list):
            raise self._error(f"does not say what the layer {name!r} takes")
        if len(calls) > 1:
            raise self._error(f"calls the layer {name!r} more than once")
        found: list[str] = []
        _collect(calls, found, 0)
        if len(found) > _MAX_INPUTS:
            raise self._error(f"gives the layer {name!r} {len(found)} inputs; at most {_MAX_INPUTS}")
        modes = list(_training(calls, 0))
        # Keras 3 writes False for each dropout, too, whose argument it is by default.
        if self._layers[name].kind in (*MODELS, "BatchNormalization") and any(mode is False for mode in modes):
            self._in_inference.add(name)
        if any(mode is True for mode in modes):
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
        return CheckpointError(f"{self._source}: its network {what}; expected one input, layers, and one output.")


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
