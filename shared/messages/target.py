"""A number that the networks of a run predict, and how it is standardised for them."""

from typing import Annotated

from pydantic import Field, FiniteFloat

from deepchord.shared.validation import Message


class Target(Message):
    """A number that is predicted; networks learn and say (value - mean) / scale."""

    #: The name of its column.
    name: Annotated[str, Field(min_length=1)]
    #: The mean and the standard deviation of the training rows, in the number's own unit.
    mean: FiniteFloat
    scale: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
