"""How far a member is while it is trained."""

from typing import Literal

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from deepchord.shared.messages.member import EpochMetrics, Trainer
from deepchord.shared.validation import Message, Share


class MemberProgress(Message):
    """Where a member is right now; lives in Redis for the live view only and may be lost."""

    index: NonNegativeInt
    attempt: PositiveInt
    trainer: Trainer
    #: `waiting`: this attempt has ended without a record, and the next one says nothing yet.
    phase: Literal["preparing", "training", "scoring", "waiting"]
    #: Epochs finished so far, and how many there are at most.
    epochs_done: NonNegativeInt
    epochs: PositiveInt
    #: How far the epoch under way is.
    epoch_share: Share
    #: Metrics of the last finished epoch.
    last: EpochMetrics | None = None
    best_validation_accuracy: Share | None = None
    started_at: AwareDatetime
    updated_at: AwareDatetime
