"""The end of a run without an evaluation, because it failed or was cancelled; and what was removed after its end."""

from typing import Literal

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from deepchord.shared.validation import Message


class RunFailure(Message):
    """Why a run ended without an evaluation."""

    requested: PositiveInt
    trained: NonNegativeInt
    reason: str
    failed_at: AwareDatetime


class Cancellation(Message):
    """Who cancelled a run, and when; it can be resumed."""

    host: str
    cancelled_at: AwareDatetime


#: Whose weights stay when room is made: those of all members, of the best one, of none.
KeptWeights = Literal["best", "all", "none"]


class Pruning(Message):
    """Whose weights of an evaluated run were kept when room was made, by whom, and when."""

    kept: KeptWeights
    owner: str
    pruned_at: AwareDatetime
