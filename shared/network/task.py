"""What a network predicts, and which outputs it has for it."""

from dataclasses import dataclass
from typing import Literal

from deepchord.shared.errors import InputError

#: `classification`: one of several classes. `regression`: one or more numbers, each with its uncertainty.
#: `multilabel`: which of several labels apply; any number of them may.
Task = Literal["classification", "regression", "multilabel"]

#: The outputs of a network for each number: the means of all numbers come first, then what tells their variances.
_OUTPUTS_PER_TARGET = 2


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the last layer gives for each image or row."""

    #: How many classes there are, of which one is predicted; 0: something else is.
    classes: int = 0
    #: How many numbers are predicted; 0: something else is.
    targets: int = 0
    #: Of how many labels it is predicted whether they apply; 0: something else is predicted.
    labels: int = 0

    @property
    def task(self) -> Task:
        """What is predicted."""
        if self.labels:
            return "multilabel"
        return "regression" if self.targets else "classification"

    @property
    def what(self) -> str:
        """What is predicted, as a word of sentences."""
        return {"classification": "classes", "regression": "numbers", "multilabel": "labels"}[self.task]

    @property
    def size(self) -> int:
        """The number of the last layer's outputs."""
        return _OUTPUTS_PER_TARGET * self.targets or self.labels or self.classes

    def check_last(self, name: str, shape: tuple[int, ...], activation: str | None) -> None:
        """Raise `InputError` unless the last layer of a network gives these outputs.

        Args:
            name: The name of the layer.
            shape: The shape of its output.
            activation: Its activation; None: it has none.
        """
        if shape != (self.size,):
            expected, end = self._expected()
            raise InputError(
                f"The last layer {name} gives the shape {shape}; expected {expected}. End the network with a dense "
                f"layer of units = {end}."
            )
        if self.task == "regression" and activation != "linear":
            raise InputError(
                f"The last layer {name} has the activation {activation!r}, with which it could not predict every "
                'number; expected a dense layer with "linear".'
            )
        if self.task == "multilabel" and activation != "sigmoid":
            raise InputError(
                f"The last layer {name} must have the activation 'sigmoid', so that members give a probability for "
                "each label."
            )
        if self.task == "classification" and activation != "softmax":
            raise InputError(
                f"The last layer {name} must have the activation 'softmax', so that members give probabilities."
            )

    def _expected(self) -> tuple[str, str]:
        """Return what the last layer is to give, and what its `units` are called."""
        if self.task == "regression":
            return f"{self.size}, a mean and a variance for each of {self.targets} predicted numbers", '"outputs"'
        if self.task == "multilabel":
            return f"({self.size},), one output per label", '"outputs"'
        return f"({self.size},), one output per class", '"classes"'
