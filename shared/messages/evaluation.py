"""The result of a run in storage: the ensemble's scores, the scores of each member, and the confusion matrix."""

from typing import Any

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

from deepchord.shared.messages.member import Trainer
from deepchord.shared.messages.uncertainty import EnsembleUncertainty
from deepchord.shared.validation import Message, Sha256, Share, Versioned


class Scores(Message):
    """Cross-entropy in nats, and accuracy, on one part of the data."""

    loss: NonNegativeFloat
    accuracy: Share


class BalancedScores(Message):
    """Scores of the test images in which every class counts the same; `deepchord.shared.uncertainty` defines them."""

    #: The mean recall, and the mean F1, of the classes that have test images.
    balanced_accuracy: Share
    macro_f1: Share
    #: The area under the ROC curve of two classes; None: there are more, or test images of one class only.
    area_under_roc: Share | None = None


class MemberEvaluation(Message):
    """The scores of one member alone, with its committed weights."""

    index: NonNegativeInt
    train: Scores
    test: Scores
    #: The largest difference between the test probabilities that the member's engine computed and those of the
    #: evaluating engine; None for weights that were not trained in a run of deepchord.
    parity: Share | None = None
    #: How many different classes the member predicts on all test images; None: an earlier version did not count them.
    predicted_classes: PositiveInt | None = None
    #: None: an earlier version did not measure them.
    balanced: BalancedScores | None = None

    @model_serializer(mode="wrap")
    def _without_what_was_not_measured(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _written(self, write, "balanced")


class Misclassified(Message):
    """A test image that the ensemble classifies wrongly."""

    test_index: NonNegativeInt
    actual: NonNegativeInt
    predicted: NonNegativeInt
    #: The ensemble's probabilities of the predicted and of the actual class.
    predicted_probability: Share
    actual_probability: Share


class EnsembleEvaluation(Versioned):
    """The scores of the ensemble on all data, for averaged softmax outputs (Lakshminarayanan et al. 2017, eq. 3)."""

    requested: PositiveInt
    trained: PositiveInt
    evaluator: Trainer
    evaluated_at: AwareDatetime
    duration_s: NonNegativeFloat
    members: tuple[MemberEvaluation, ...] = Field(min_length=1)
    train: Scores
    test: Scores
    #: Numbers of test images; rows: actual class, columns: predicted class.
    confusion: tuple[tuple[NonNegativeInt, ...], ...]
    #: The first 50 misclassified test images in the order of the data set.
    misclassified: tuple[Misclassified, ...]
    probabilities_sha256: Sha256
    #: How far the probabilities can be trusted; None: an earlier version did not measure it.
    uncertainty: EnsembleUncertainty | None = None
    #: None: an earlier version did not measure them; the first two follow from `confusion`.
    balanced: BalancedScores | None = None

    @model_validator(mode="after")
    def _check_sizes(self) -> "EnsembleEvaluation":
        if self.trained != len(self.members) or self.trained > self.requested:
            raise ValueError(f"{len(self.members)} members are listed, {self.trained} of {self.requested} were trained")
        if any(len(row) != len(self.confusion) for row in self.confusion):
            raise ValueError("confusion is not square")
        return self

    @model_serializer(mode="wrap")
    def _without_what_was_not_measured(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _written(self, write, "uncertainty", "balanced")

    @property
    def mean_member_accuracy(self) -> float:
        """The mean of the members' test accuracies."""
        return sum(member.test.accuracy for member in self.members) / len(self.members)

    @property
    def best_member_accuracy(self) -> float:
        """The test accuracy of the best member."""
        return max(member.test.accuracy for member in self.members)


def _written(message: Message, write: SerializerFunctionWrapHandler, *fields: str) -> dict[str, Any]:
    """Return a message of an earlier version as that version wrote it: without fields that it did not know."""
    written: dict[str, Any] = write(message)
    for field in fields:
        if getattr(message, field) is None:
            written.pop(field, None)
    return written
