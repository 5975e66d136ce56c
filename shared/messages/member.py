"""What is stored about a member: its attempts, the epochs that they trained, and its one record."""

from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepchord.shared.messages.recipe import Precision
from deepchord.shared.messages.run import MemberSpec
from deepchord.shared.validation import Message, Sha256, Share


class Trainer(Message):
    """The host, engine and device that trained or evaluated."""

    host: str
    engine: str
    engine_version: str
    device: str


class AttemptNote(Message):
    """Who took an attempt at a member or at the evaluation."""

    host: str
    #: The worker's name in Celery.
    worker: str
    process_id: PositiveInt
    started_at: AwareDatetime


class AttemptFailure(Message):
    """How an attempt at a member failed."""

    worker: str
    #: What went wrong, without details that differ each time.
    way: str
    error: str
    failed_at: AwareDatetime


class EpochMetrics(Message):
    """The loss in nats of one epoch, and the accuracy, or of predicted numbers and labels the error."""

    train_loss: float
    #: None: something else than classes is predicted.
    train_accuracy: Share | None = None
    validation_loss: float
    validation_accuracy: Share | None = None
    #: The root mean squared error over all targets, in their standard deviations; or of labels the share that is
    #: predicted wrong (Hamming loss); None: classes are predicted.
    train_error: NonNegativeFloat | None = None
    validation_error: NonNegativeFloat | None = None
    #: Seconds for training and validation.
    duration_s: NonNegativeFloat

    @property
    def accuracies(self) -> tuple[float, float]:
        """The training and the validation accuracy.

        Raises:
            ValueError: Something else than classes is predicted.
        """
        if self.train_accuracy is None or self.validation_accuracy is None:
            raise ValueError("an epoch of predicted numbers or labels has no accuracy")
        return self.train_accuracy, self.validation_accuracy

    @property
    def errors(self) -> tuple[float, float]:
        """The training and the validation error, in standard deviations, or as a share of the labels.

        Raises:
            ValueError: Classes are predicted.
        """
        if self.train_error is None or self.validation_error is None:
            raise ValueError("an epoch of predicted classes has no error")
        return self.train_error, self.validation_error

    @model_validator(mode="after")
    def _check_measured(self) -> "EpochMetrics":
        accuracies = (self.train_accuracy is None, self.validation_accuracy is None)
        errors = (self.train_error is None, self.validation_error is None)
        if {accuracies, errors} != {(True, True), (False, False)}:
            raise ValueError(
                "an epoch has either train_accuracy and validation_accuracy, or train_error and validation_error"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_other_task(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not measured: earlier versions do not know errors."""
        return {name: value for name, value in write(self).items() if value is not None}


class TrainingPart(Message):
    """The part of a member's training that one attempt did."""

    attempt: PositiveInt
    trainer: Trainer
    #: How many epochs; 0 if only scoring was left.
    epochs: NonNegativeInt
    #: Whether the optimizer kept its state from the part before; in another engine it starts again.
    optimizer_continued: bool


class TrainedMember(Message):
    """The committed result of a trained member."""

    status: Literal["trained"] = "trained"
    spec: MemberSpec
    attempt: PositiveInt
    trainer: Trainer
    started_at: AwareDatetime
    finished_at: AwareDatetime
    history: tuple[EpochMetrics, ...] = Field(min_length=1)
    #: The epoch, counted from 1, with the best validation accuracy, and among equals the lowest validation loss; where
    #: numbers or labels are predicted, the loss alone decides. The member has the weights of this epoch.
    best_epoch: PositiveInt
    #: The precision of multiplications on the device of the last attempt; the weights are float32.
    precision: Precision = "float32"
    weights_sha256: Sha256
    #: The SHA-256 of the member's own outputs for the test images, float32 [test_size, outputs]: probabilities, or the
    #: means and variances of numbers as `deepchord.shared.regression` reads them.
    probabilities_sha256: Sha256
    #: Which attempts trained which epochs, in order; empty if one attempt trained them all.
    parts: tuple[TrainingPart, ...] = ()

    @model_validator(mode="after")
    def _check_epochs(self) -> "TrainedMember":
        if self.best_epoch > len(self.history):
            raise ValueError(f"best_epoch is {self.best_epoch}, but the history has {len(self.history)} epochs")
        trained = sum(part.epochs for part in self.parts)
        if self.parts and trained != len(self.history):
            raise ValueError(f"its parts have {trained} epochs, its history {len(self.history)}")
        return self

    @property
    def duration_s(self) -> float:
        """The seconds of the last attempt, plus those of the epochs that it took over from earlier attempts."""
        last = (self.finished_at - self.started_at).total_seconds()
        left = sum(part.epochs for part in self.parts[:-1])
        return last + sum(epoch.duration_s for epoch in self.history[:left])


class FailedMember(Message):
    """The committed result of a member that failed in every attempt, or was cancelled."""

    status: Literal["failed"] = "failed"
    spec: MemberSpec
    #: The last attempt; 0 if there was none.
    attempt: NonNegativeInt
    #: None if the worker could not open its engine.
    trainer: Trainer | None
    finished_at: AwareDatetime
    error: str


class MemberRecord(Message):
    """The record of a member. Each member has at most one in storage: the first writer wins."""

    member: Annotated[TrainedMember | FailedMember, Field(discriminator="status")]
