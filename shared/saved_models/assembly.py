"""Puts the converted layers of a saved model together: their order, their inputs, and what is left out."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from deepchord.shared.network import NETWORK_INPUT, BatchNormalization, Flatten, Layer, Reshape, Shape
from deepchord.shared.saved_models.graph import MODEL_INPUT, Step
from deepchord.shared.saved_models.kinds import TRAINING_ONLY, Converted, converted
from deepchord.shared.saved_models.options import Options
from deepchord.shared.saved_models.rescaling import check_rescaling

#: The longest allowed axis of an image.
MAX_AXIS = 2**20
#: Layers whose outputs are no images.
_FLAT = ("Flatten", "Dense", "GlobalAveragePooling2D", "GlobalMaxPooling2D")
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
    #: Whether each of `converted` works on images.
    are_images: list[bool] = field(default_factory=list)
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
        #: Our name for the output of each layer of Keras, whether it is an image, and whether pixels are unchanged.
        self._names = {MODEL_INPUT: NETWORK_INPUT}
        self._is_image = {NETWORK_INPUT: len(images) == 3}
        self._untouched = {NETWORK_INPUT}
        self._counts: Counter[str] = Counter()
        self._last = NETWORK_INPUT
        self._taken: Counter[str] = Counter()

    def run(self, steps: Sequence[Step]) -> Assembled:
        self._taken.update(name for step in steps for name in step.inputs)
        self._flatten_input(steps)
        for step in steps:
            inputs = tuple(self._names[name] for name in step.inputs) or (self._names[MODEL_INPUT],)
            if inputs[0] in self._untouched and any(self._taken[name] > 1 for name in step.inputs):
                self._untouched.clear()  # several layers take the pixels: what one makes of them is no matter of all
            self._names[step.options.name] = self._name(step, inputs)
        return self._found

    def _flatten_input(self, steps: Sequence[Step]) -> None:
        """Let images be flattened if the model takes vectors, and does not make images of them itself."""
        shape = self._found.shape
        kinds = (step.options.kind for step in steps if _computes(step.options) and step.options.kind != "Rescaling")
        if shape is not None and len(shape) == 1 and len(self._images) > 1 and next(kinds, None) != "Reshape":
            self._names[MODEL_INPUT] = self._add(Flatten(), (NETWORK_INPUT,))
            self._untouched.add(self._last)
            self._is_image[self._last] = False

    def _name(self, step: Step, inputs: tuple[str, ...]) -> str:
        """Return our name for the output of a layer, which is added if it computes something."""
        options = step.options
        if not _computes(options) or (step.in_inference and options.kind in _NOISE):
            return inputs[0]
        is_begin = inputs == (NETWORK_INPUT,) and not self._found.layers
        if options.kind == "Reshape" and is_begin and self._found.shape_is_given:
            self._found.shape = _reshaped(options, self._found.shape, self._images)
            self._found.shape_is_given = False
            return inputs[0]
        if options.kind == "Rescaling" and inputs[0] in self._untouched and not self._found.rescales:
            check_rescaling(options)
            self._found.rescales = True
            return inputs[0]
        made = converted(options)
        name = self._add(made.layer, inputs)
        averages = step.in_inference and isinstance(made.layer, BatchNormalization)
        if made.weights and (averages or not step.trainable):
            self._found.frozen.append(len(self._found.layers) - 1)
        self._found.converted.append(made)
        is_image = self._is_image[inputs[0]]
        self._found.are_images.append(is_image)
        self._is_image[name] = (
            len(made.layer.target_shape) == 3
            if isinstance(made.layer, Reshape)
            else (is_image and made.kind not in _FLAT)
        )
        if made.kind in _SHAPING and inputs[0] in self._untouched:
            self._untouched.add(name)
        return name

    def _add(self, layer: Layer, inputs: tuple[str, ...]) -> str:
        self._counts[layer.type] += 1
        self._found.layers.append(layer if inputs == (self._last,) else layer.model_copy(update={"inputs": inputs}))
        self._last = f"{layer.type}_{self._counts[layer.type]}"
        return self._last


def _computes(options: Options) -> bool:
    return options.kind != "InputLayer" and options.kind not in TRAINING_ONLY


def _reshaped(reshape: Options, shape: Shape | None, images: Shape) -> Shape:
    target = reshape.get("target_shape")
    lengths = target if isinstance(target, list) else []
    fits = len(lengths) == 3 and all(isinstance(length, int) and length <= MAX_AXIS for length in lengths)
    if not fits or (shape is not None and math.prod(shape) not in (0, math.prod(images))):
        reshape.refuse(f"makes the shape {target!r:.60} of its input")
    return tuple(max(0, length) for length in lengths)
