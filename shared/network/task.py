"""What a network predicts, and which outputs it has for it."""

from dataclasses import dataclass
from typing import Literal

from deepchord.shared.errors import InputError

#: `classification`: one of several classes. `regression`: one or more numbers, each with its uncertainty.
Task = Literal["classification", "regression"]

#: The outputs of a network for each number: the means of all numbers come first, then what tells their variances.
_OUTPUTS_PER_TARGET = 2


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the last layer gives for each image or row."""

    #: How many classes there are; 0: numbers are predicted.
    classes: int = 0
    #: How many numbers are predicted; 0: classes are.
    targets: int = 0

    @property
    def task(self) -> Task:
        """What is predicted."""
        return "regression" if self.targets else "classification"

    @property
    def size(self) -> int:
        """The number of the last layer's outputs."""
        return _OUTPUTS_PER_TARGET * self.targets or self.classes

    def check_last(self, name: str, shape: tuple[int, ...], activation: str | None) -> None:
        """Raise `InputError` unless the last layer of a network gives these outputs.

        Args:
            name: The name of the layer.
            shape: The shape of its output.
            activation: Its activation; None: it has none.
        """
        if shape != (self.size,):
            expected, end = (
                (f"{self.size}, a mean and a variance for each of {self.targets} predicted numbers", '"outputs"')
                if self.targets
                else (f"({self.size},), one output per class", '"classes"')
            )
            raise InputError(
                f"The last layer {name} gives the shape {shape}; expected {expected}. End the network with a dense "
                f"layer of units = {end}."
            )
        if self.targets and activation != "linear":
            raise InputError(
                f"The last layer {name} has the activation {activation!r}, with which it could not predict every "
                'number; expected a dense layer with "linear".'
            )
        if not self.targets and activation != "softmax":
            raise InputError(
                f"The last layer {name} must have the activation 'softmax', so that members give probabilities."
            )
