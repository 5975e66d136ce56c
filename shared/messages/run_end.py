"""The end of a run without an evaluation: it failed, or was cancelled."""

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
