"""A network as a graph: the name, the inputs and the shapes of each layer, each after its inputs."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers import (
    NETWORK_INPUT,
    Add,
    Layer,
    MergingLayer,
    NetworkLayer,
    Place,
    Residual,
    Shape,
    SimpleLayer,
    WeightShape,
)
from deepchord.shared.network.task import Outputs
from deepchord.shared.validation import suggestion, with_full_stop

#: A layer that gives more values for an image is a mistake or an attack: 16 million float32 values take 64 MiB.
_MAX_VALUES = 2**24


@dataclass(frozen=True, kw_only=True)
class ResolvedLayer:
    """A layer with its name, its inputs and its shapes in one network."""

    name: str
    #: Where a residual block adds its input, an `add`.
    layer: SimpleLayer | MergingLayer
    #: The names of the layers before it whose outputs it takes, or `NETWORK_INPUT`; one, unless it joins several.
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weights: tuple[WeightShape, ...] = ()

    @property
    def input_shape(self) -> Shape:
        """The shape of its only input, or of the first."""
        return self.input_shapes[0]

    @property
    def parameters(self) -> int:
        """The number of values in its weights."""
        return sum(math.prod(weight.shape) for weight in self.weights)


@dataclass(frozen=True, kw_only=True)
class ResolvedArchitecture:
    """An architecture with all shapes, for one input shape and what is predicted."""

    input_shape: Shape
    #: Each layer comes after its inputs; the last one gives the network's output.
    layers: tuple[ResolvedLayer, ...]
    outputs: Outputs

    @property
    def parameters(self) -> int:
        """The number of values in all weights."""
        return sum(layer.parameters for layer in self.layers)

    def without_sigmoid(self) -> "ResolvedArchitecture":
        """Return the network as it is trained: where labels are predicted, its outputs are their logits.

        A probability that float32 rounds to 0 or 1 has no gradient; its logit has one.
        """
        if self.outputs.task != "multilabel":
            return self
        last = self.layers[-1]
        linear = replace(last, layer=last.layer.model_copy(update={"activation": "linear"}))
        return replace(self, layers=(*self.layers[:-1], linear))

    @property
    def frozen(self) -> int:
        """The number of values in the weights of layers that are not trained."""
        return sum(layer.parameters for layer in self.layers if not layer.layer.trainable)


def resolve_layers(layers: Iterable[Layer], input_shape: Shape, outputs: Outputs) -> tuple[ResolvedLayer, ...]:
    """Return the layers as a graph in which each has a name; a residual block becomes its layers and an `add`.

    Args:
        layers: In the order of the network.
        input_shape: The shape of the network's input.
        outputs: What the last layer is to give.

    Raises:
        InputError: The layers do not fit each other or the input, or a name is not known or not used.
    """
    return _Resolution(input_shape, outputs).run(layers)


class _Resolution:
    """The layers that have been resolved so far."""

    def __init__(self, input_shape: Shape, outputs: Outputs) -> None:
        self._outputs = outputs
        self._resolved: list[ResolvedLayer] = []
        self._shapes = {NETWORK_INPUT: input_shape}
        self._counts: Counter[str] = Counter()
        self._used = {NETWORK_INPUT}
        self._last = NETWORK_INPUT

    def run(self, layers: Iterable[Layer]) -> tuple[ResolvedLayer, ...]:
        for layer in layers:
            name, inputs = self._name(layer), self._inputs(layer)
            if isinstance(layer, Residual):
                self._add_residual(name, layer, inputs)
            else:
                self._add(name, layer, inputs)
        unused = [each.name for each in self._resolved[:-1] if each.name not in self._used]
        if unused:
            raise InputError(
                f"No layer takes the output of {unused[0]}; expected it among the inputs of a later layer, because the "
                "last layer gives the network's output."
            )
        return tuple(self._resolved)

    def _name(self, layer: NetworkLayer) -> str:
        kind: str = getattr(layer, "type")  # noqa: B009 - each kind of layer declares it with its own value
        self._counts[kind] += 1
        name = layer.name or f"{kind}_{self._counts[kind]}"
        if name in self._shapes:
            raise InputError(
                f"Two layers of the network have the name {name}; expected a name of its own for each, and not "
                f"{NETWORK_INPUT}, which is the network's input."
            )
        return name

    def _inputs(self, layer: NetworkLayer) -> tuple[str, ...]:
        if layer.inputs is None:
            return (self._last,)
        for wanted in layer.inputs:
            if wanted not in self._shapes:
                hint = with_full_stop(suggestion(wanted, self._shapes))
                raise InputError(
                    f"A layer takes its input from {wanted!r}, but there is no layer of this name above it{hint}"
                )
        return layer.inputs

    def _add(self, name: str, layer: SimpleLayer | MergingLayer, inputs: tuple[str, ...]) -> None:
        if layer.joins and len(inputs) < 2:
            raise InputError(
                f"Layer {name} joins several inputs, found one: name them, such as inputs = ['conv2d_1', 'conv2d_2']."
            )
        if not layer.joins and len(inputs) > 1:
            raise InputError(
                f"Layer {name} takes one input, found {len(inputs)}: an add or concatenate layer joins several."
            )
        shapes = tuple(self._shapes[each] for each in inputs)
        outline = layer.outline(Place(name=name, inputs=shapes, outputs=self._outputs))
        if math.prod(outline.output_shape) > _MAX_VALUES:
            raise InputError(
                f"Layer {name} gives the shape {outline.output_shape} for each image, which is "
                f"{math.prod(outline.output_shape):,} values; at most {_MAX_VALUES:,}."
            )
        self._shapes[name] = outline.output_shape
        self._used.update(inputs)
        self._last = name
        self._resolved.append(
            ResolvedLayer(
                name=name,
                layer=layer,
                inputs=inputs,
                input_shapes=shapes,
                output_shape=outline.output_shape,
                weights=outline.weights,
            )
        )

    def _add_residual(self, name: str, block: Residual, inputs: tuple[str, ...]) -> None:
        if len(inputs) > 1:
            raise InputError(f"Layer {name} takes one input, found {len(inputs)}: an add layer joins several.")
        before = inputs[0]
        self._last = before
        for layer in block.layers:
            own = layer if block.trainable else layer.model_copy(update={"trainable": False})
            self._add(self._name(layer), own, (self._last,))
        added, made = self._shapes[before], self._shapes[self._last]
        if made != added:
            raise InputError(
                f"Layer {name} adds its input of the shape {added} to what its layers make of it, of the shape {made}; "
                "expected equal shapes: let its last convolution have as many filters as the input has channels, with "
                "padding = 'same' and without strides or pooling."
            )
        self._add(name, Add(), (before, self._last))
