"""What all layers have in common: their name, their inputs, and how they are written."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from deepchord.shared.network.layers.place import Outline, Place
from deepchord.shared.validation import ExtendedMessage

#: The name by which layers take the network's own input.
NETWORK_INPUT = "input"

LayerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Activation = Literal[
    "relu",
    "elu",
    "selu",
    "tanh",
    "sigmoid",
    "softmax",
    "linear",
    "relu6",
    "leaky_relu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hard_sigmoid",
    "hard_silu",
]
Padding = Literal["same", "valid"]
Window = Annotated[int, Field(ge=1, le=64)]


def _shortest(sides: int | tuple[int, int]) -> int | tuple[int, int]:
    return sides[0] if isinstance(sides, tuple) and sides[0] == sides[1] else sides


#: One length for height and width, or one for each; two equal ones are written as one.
Windows = Annotated[Window | tuple[Window, Window], AfterValidator(_shortest)]
Filters = Annotated[int, Field(ge=1, le=65536)]
Penalty = Annotated[float, Field(ge=0.0, le=1000.0)]
Epsilon = Annotated[float, Field(gt=0.0, le=1.0)]


class NetworkLayer(ExtendedMessage):
    """A layer as data; each kind is a class of its own."""

    added_fields: ClassVar[tuple[str, ...]] = ("name", "inputs", "trainable")
    #: Whether it joins two inputs or more; all other layers take one.
    joins: ClassVar[bool] = False

    #: What other layers call it in their `inputs`; None: its type and number, such as `conv2d_2`.
    name: LayerName | None = None
    #: The names of the layers whose outputs it takes, `input` for the network's own input; None: the layer before it.
    inputs: Annotated[tuple[LayerName, ...], Field(min_length=1, max_length=64)] | None = None
    #: Whether training changes its weights. A batch normalization that is not trained computes with its moving averages
    #: in training, too, and leaves them as they are.
    trainable: bool = True

    def outline(self, place: Place) -> Outline:
        """Return what the layer makes of its inputs.

        Raises:
            InputError: The inputs do not fit the layer; the message names it.
        """
        raise NotImplementedError


class PenalizedLayer(NetworkLayer):
    """A layer with kernels, on which there may be a penalty while it is trained."""

    added_fields: ClassVar[tuple[str, ...]] = ("kernel_l1", "kernel_l2")

    #: Added to the loss: this times the sum of the absolute values of its kernels, and of their squares.
    kernel_l1: Penalty = 0.0
    kernel_l2: Penalty = 0.0


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return one length for height and width as two."""
    return (value, value) if isinstance(value, int) else value
