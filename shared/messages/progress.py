"""The progress of a member while it is trained."""

from typing import Literal

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from deepchord.shared.messages.member import EpochMetrics, Trainer
from deepchord.shared.validation import Message, Share


class MemberProgress(Message):
    """The current progress of a member. It lives in Redis, for the live view only, and may be lost."""

    index: NonNegativeInt
    attempt: PositiveInt
    trainer: Trainer
    #: `waiting`: this attempt has ended without a record, and the next one has not reported yet.
    phase: Literal["preparing", "training", "scoring", "waiting"]
    #: Finished epochs, and the largest number of epochs.
    epochs_done: NonNegativeInt
    epochs: PositiveInt
    #: The finished share of the current epoch.
    epoch_share: Share
    #: Metrics of the last finished epoch.
    last: EpochMetrics | None = None
    best_validation_accuracy: Share | None = None
    started_at: AwareDatetime
    updated_at: AwareDatetime
