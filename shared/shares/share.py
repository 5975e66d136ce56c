"""What a run may have of a fleet: its priority, and how many of its members may be trained at once."""

from typing import Annotated, Literal

from pydantic import Field

from deepchord.shared.validation import Message

#: How a run counts beside others: a normal one as four of low priority, a high one as four normal ones.
Priority = Literal["low", "normal", "high"]

#: How many members of a run may be trained at once.
MostWorkers = Annotated[int, Field(ge=1, le=100_000)]

_WEIGHTS: dict[Priority, float] = {"low": 0.25, "normal": 1.0, "high": 4.0}


class Share(Message):
    """The share of a run in the fleet; it decides when members are trained, and nothing about their results."""

    priority: Priority = "normal"
    #: None: as many as there are workers.
    most_workers: MostWorkers | None = None

    @property
    def weight(self) -> float:
        """How much of the fleet the run may have, beside a run of normal priority that may have 1."""
        return _WEIGHTS[self.priority]
