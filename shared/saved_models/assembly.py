"""Puts the converted layers of a saved model together: their order, their inputs, and what is left out."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from deepchord.shared.network import (
    NETWORK_INPUT,
    BatchNormalization,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    Layer,
    Reshape,
    Shape,
)
from deepchord.shared.saved_models.graph import MODEL_INPUT, Step
from deepchord.shared.saved_models.kinds import TRAINING_ONLY, Converted, converted
from deepchord.shared.saved_models.options import Options
from deepchord.shared.saved_models.rescaling import check_rescaling

#: The longest allowed axis of an image.
MAX_AXIS = 2**20
#: Layers of ours that make vectors.
_FLAT = (Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D, GlobalAveragePooling1D, GlobalMaxPooling1D)
#: Layers that do nothing but in training.
_NOISE = ("Dropout", "SpatialDropout2D", "GaussianNoise")
#: Layers that do not change the values of pixels.
_SHAPING = ("Reshape", "Flatten")


@dataclass(kw_only=True)
class Assembled:
    """The layers of a network, each after its inputs."""

    #: The shape of the network's input, unknown lengths as 0; None: it is not told.
    shape: Shape | None
    #: Whether it is that of the model itself, not of what its first layer makes of it.
    shape_is_given: bool = True
    layers: list[Layer] = field(default_factory=list)
    #: How the file stores each of them; none for a layer that was added.
    converted: list[Converted] = field(default_factory=list)
    #: How many axes, without the batch's, the input of each of `converted` has.
    axes: list[int] = field(default_factory=list)
    #: Whether a first layer that divides by 255 was left out.
    rescales: bool = False
    #: The places in `layers` of those with weights that the file does not train.
    frozen: list[int] = field(default_factory=list)


def assembled(steps: Sequence[Step], shape: Shape | None, images: Shape) -> Assembled:
    """Return the layers that compute something.

    Args:
        steps: The layers of the model.
        shape: The shape of its input; None: it is not told.
        images: Height, width and channels of the images, or the number of features of rows.

    Raises:
        CheckpointError: deepchord does not compute a layer.
    """
    return _Assembly(shape, images).run(steps)


class _Assembly:
    def __init__(self, shape: Shape | None, images: Shape) -> None:
        self._found = Assembled(shape=shape)
        self._images = images
        #: Our name for the output of each layer of Keras.
        self._names = {MODEL_INPUT: NETWORK_INPUT}
        #: How many axes each output of ours has, which of them are the pixels as they came, and which of these all
        #: layers take.
        self._axes = {NETWORK_INPUT: len(images)}
        self._pixels = {NETWORK_INPUT}
        self._untouched = {NETWORK_INPUT}
        self._counts: Counter[str] = Counter()
        self._last = NETWORK_INPUT
        self._taken: Counter[str] = Counter()

    def run(self, steps: Sequence[Step]) -> Assembled:
        self._taken.update(name for step in steps for name in step.inputs)
        self._shape_input(steps)
        for step in steps:
            inputs = tuple(self._names[name] for name in step.inputs) or (self._names[MODEL_INPUT],)
            if inputs[0] in self._untouched and any(self._taken[name] > 1 for name in step.inputs):
                self._untouched.clear()  # several layers take the pixels: what one makes of them is no matter of all
            self._names[step.options.name] = self._name(step, inputs)
        return self._found

    def _shape_input(self, steps: Sequence[Step]) -> None:
        """Give images another shape if the model takes vectors or matrices, and does not shape them itself."""
        kinds = _first_kinds(steps)
        layer: Layer
        match self._found.shape, self._images:
            case (_,), (_, _, _) if kinds[:1] != ["Reshape"]:
                layer, axes = Flatten(), 1
            # Layers that work along an axis would find no channels there, and take the columns for them.
            case (_, _), (height, width, 1) if not {*kinds} <= {*_SHAPING}:
                layer, axes = Reshape(target_shape=(height, width)), 2
            case _:
                return
        self._names[MODEL_INPUT] = name = self._add(layer, (NETWORK_INPUT,))
        self._axes[name] = axes
        self._pixels.add(name)
        self._untouched.add(name)

    def _name(self, step: Step, inputs: tuple[str, ...]) -> str:
        """Return our name for the output of a layer, which is added if it computes something."""
        options = step.options
        if not _computes(options) or (step.in_inference and options.kind in _NOISE):
            return inputs[0]
        is_begin = inputs == (NETWORK_INPUT,) and not self._found.layers
        if options.kind == "Reshape" and is_begin and self._found.shape_is_given and _makes_image(options):
            self._found.shape = _reshaped(options, self._found.shape, self._images)
            self._found.shape_is_given = False
            return inputs[0]
        if options.kind == "Rescaling" and inputs[0] in self._untouched and not self._found.rescales:
            check_rescaling(options)
            self._found.rescales = True
            return inputs[0]
        if options.kind == "Rescaling" and inputs[0] in self._pixels and not self._found.rescales:
            options.refuse(
                "scales pixels that other layers take unscaled",
                "scale them once, before all other layers, or not in the model",
            )
        made = converted(options)
        name = self._add(made.layer, inputs)
        averages = step.in_inference and isinstance(made.layer, BatchNormalization)
        if made.weights and (averages or not step.trainable):
            self._found.frozen.append(len(self._found.layers) - 1)
        self._found.converted.append(made)
        self._found.axes.append(self._axes[inputs[0]])
        self._axes[name] = _axes_made(made.layer, self._axes[inputs[0]])
        for unchanged in (self._pixels, self._untouched):
            if made.kind in _SHAPING and inputs[0] in unchanged:
                unchanged.add(name)
        return name

    def _add(self, layer: Layer, inputs: tuple[str, ...]) -> str:
        self._counts[layer.type] += 1
        self._found.layers.append(layer if inputs == (self._last,) else layer.model_copy(update={"inputs": inputs}))
        self._last = f"{layer.type}_{self._counts[layer.type]}"
        return self._last


def _computes(options: Options) -> bool:
    return options.kind != "InputLayer" and options.kind not in TRAINING_ONLY


def _first_kinds(steps: Sequence[Step]) -> list[str]:
    """Return the kinds of the layers that take a model's input and compute something else than its scale."""
    names, kinds = {MODEL_INPUT}, []
    for step in steps:
        if step.inputs and names.isdisjoint(step.inputs):
            continue
        if _computes(step.options) and step.options.kind != "Rescaling":
            kinds.append(step.options.kind)
        else:
            names.add(step.options.name)
    return kinds


def _axes_made(layer: Layer, taken: int) -> int:
    """Return how many axes the output of a layer has, without the batch's."""
    if isinstance(layer, Reshape):
        return len(layer.target_shape)
    return 1 if isinstance(layer, _FLAT) and not getattr(layer, "keepdims", False) else taken


def _makes_image(reshape: Options) -> bool:
    """Return whether a layer makes images of a model's input, or nothing that is valid, and no vector or matrix."""
    target = reshape.get("target_shape")
    return not isinstance(target, list) or len(target) not in (1, 2)


def _reshaped(reshape: Options, shape: Shape | None, images: Shape) -> Shape:
    target = reshape.get("target_shape")
    lengths = target if isinstance(target, list) else []
    fits = len(lengths) == 3 and all(isinstance(length, int) and length <= MAX_AXIS for length in lengths)
    if not fits or (shape is not None and math.prod(shape) not in (0, math.prod(images))):
        reshape.refuse(f"makes the shape {target!r:.60} of its input")
    return tuple(max(0, length) for length in lengths)
