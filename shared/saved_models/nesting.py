"""Takes models within a model apart: their layers become layers of the outer one, the model's name before theirs."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from deepchord.shared.errors import CheckpointError
from deepchord.shared.saved_models.graph import (
    MAX_KERAS_LAYERS,
    MODEL_INPUT,
    MODELS,
    Step,
    entries_of,
    layers_of,
    steps_of,
)
from deepchord.shared.saved_models.options import Options


@dataclass(frozen=True, kw_only=True)
class FlatModel:
    """A saved model without models in it."""

    #: All layers, in Keras's order.
    listed: tuple[Options, ...]
    #: Those through which the data flows, each after its inputs; the last one gives the output.
    steps: tuple[Step, ...]


def flat_model(configuration: Any, source: str, keras_version: str | None = None) -> FlatModel:
    """Return the layers of a saved model and of the models in it; see `layers_of`.

    Raises:
        CheckpointError: A model is neither Sequential nor functional, has several inputs or outputs, or the
            configuration is not valid.
    """
    return _flat(configuration, source, _Around(keras_version=keras_version))


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What a model's place in others says of its layers."""

    #: The names of the models around it, from the outside.
    names: tuple[str, ...] = ()
    #: Where Keras 3 stores its layers.
    stored_as: str = ""
    #: The name of the layer whose output it takes.
    input: str = MODEL_INPUT
    trainable: bool = True
    in_inference: bool = False
    keras_version: str | None = None


def _flat(configuration: Any, source: str, around: _Around) -> FlatModel:
    layers, entries = layers_of(configuration, source, around.keras_version), entries_of(configuration)
    stored_as = [f"{around.stored_as}{name}" for name in counted_names(_snake_case(layer.kind) for layer in layers)]
    places = {id(layer): place for place, layer in enumerate(layers)}
    listed: list[tuple[Options, ...]] = [
        (_placed(layer, around, name),) for layer, name in zip(layers, stored_as, strict=True)
    ]
    found: list[Step] = []
    #: The full name of the layer that gives the output of each layer.
    ends = {MODEL_INPUT: around.input}
    for step in steps_of(configuration, layers, source):
        place = places[id(step.options)]
        inputs = tuple(ends[name] for name in step.inputs) or ((around.input,) if around.names else ())
        within = replace(
            around,
            names=(*around.names, step.options.name),
            stored_as=f"{stored_as[place]}/",
            input=inputs[0] if inputs else MODEL_INPUT,
            trainable=around.trainable and step.options.flag("trainable", default=True),
            in_inference=around.in_inference or step.in_inference,
        )
        if step.options.kind in MODELS:
            model = _flat(entries[place], source, within)
            listed[place] = model.listed
            found.extend(model.steps)
            if len(found) > MAX_KERAS_LAYERS:
                raise CheckpointError(f"{source} has more than {MAX_KERAS_LAYERS:,} layers in the models within it.")
        else:
            found.append(
                Step(
                    options=listed[place][0],
                    inputs=inputs,
                    trainable=within.trainable,
                    in_inference=within.in_inference,
                )
            )
        ends[step.options.name] = found[-1].options.name
    return FlatModel(listed=tuple(each for part in listed for each in part), steps=tuple(found))


def _placed(options: Options, around: _Around, stored_as: str) -> Options:
    """Return the options of a layer with its place: the models that it is in, and where Keras 3 stores it."""
    name = "/".join((*around.names, options.name))
    return replace(options, name=name, own_name=options.name, models=around.names, stored_as=stored_as)


def counted_names(kinds: Iterable[str]) -> list[str]:
    """Return `dense`, `dense_1`, `dense_2` …; each kind is counted separately."""
    counts: Counter[str] = Counter()
    names = []
    for kind in kinds:
        names.append(f"{kind}_{counts[kind]}" if counts[kind] else kind)
        counts[kind] += 1
    return names


def _snake_case(kind: str) -> str:
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()
