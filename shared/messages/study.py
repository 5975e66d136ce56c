"""A study: an evaluated run looked at once more, on another engine or other images, unseen ones and shifted ones."""

import re
from collections.abc import Iterable
from statistics import fmean
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, Field, FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveInt

from deepchord.shared.messages.dataset import DatasetInfo
from deepchord.shared.messages.evaluation import EnsembleEvaluation
from deepchord.shared.messages.regression import RegressionEvaluation
from deepchord.shared.messages.run import RunId
from deepchord.shared.validation import Message, Sha256, Share, Versioned

_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"

#: How test images are changed; `deepchord.worker.studies.shifts` does it.
ShiftKind = Literal["noise", "blur", "contrast", "brightness", "rotation", "translation", "occlusion"]
SHIFT_KINDS: tuple[ShiftKind, ...] = get_args(ShiftKind)
STRENGTHS = 5

#: A measure of uncertainty that separates unseen images from test images; `confidence` means one minus the confidence.
#: Predicted numbers have variances: the mean over the numbers, each in its standard deviations.
DetectionMeasure = Literal[
    "confidence",
    "predictive_entropy",
    "mutual_information",
    "total_variance",
    "epistemic_variance",
    "aleatoric_variance",
]

#: How images of another size or with other channels are made to fit: not at all; or scaled with linear interpolation,
#: grey repeated for each colour, colours turned to grey by ITU-R 601.
Fitting = Literal["none", "resize"]


class UnseenInfo(Message):
    """Images of kinds that the members were not trained on, as they are published."""

    #: `digits`, or the name of the file that they came from.
    name: str
    #: Under which storage keeps them.
    sha256: Sha256
    images: PositiveInt


class StudySpec(Versioned):
    """What a study is asked to look at."""

    run_id: RunId
    #: How many times the run had been extended.
    extension: NonNegativeInt
    name: Annotated[str, Field(pattern=_NAME)]
    requested_at: AwareDatetime
    #: The data set whose test images replace those of the run; None: they are the run's own.
    dataset: DatasetInfo | None = None
    unseen: UnseenInfo | None = None
    #: Whether the test images are shifted, too.
    shifts: bool = False


class Detection(Message):
    """How well a measure tells unseen images from test images; `deepchord.shared.uncertainty.detection` defines it."""

    measure: DetectionMeasure
    area_under_roc: Share
    area_under_precision_recall: Share
    false_positive_rate_at_95: Share


class MemberDetection(Message):
    """How well one member by itself tells unseen images from test images; it cannot disagree with itself."""

    index: NonNegativeInt
    detection: tuple[Detection, ...] = Field(min_length=1)


class UnseenScores(Message):
    """What an ensemble makes of images of kinds that its members were not trained on."""

    name: str
    images: PositiveInt
    #: The mean confidence on the unseen images, whose predictions are all wrong; and that on the test images.
    mean_confidence: Share
    test_mean_confidence: Share
    detection: tuple[Detection, ...] = Field(min_length=1)
    #: The same of each member alone, in the order of their indices; empty: an earlier version did not measure it.
    members: tuple[MemberDetection, ...] = ()

    @property
    def best(self) -> Detection:
        """The measure with the largest area under the ROC curve."""
        return best_detection(self.detection)

    @property
    def average_members(self) -> dict[DetectionMeasure, float]:
        """The mean of the members' own areas under the ROC curve, by measure; empty if they were not measured."""
        return average_detection(self.members)


class UnseenNumbers(Message):
    """What an ensemble that predicts numbers makes of images or rows unlike those that its members were trained on."""

    name: str
    images: PositiveInt
    #: The root of the mean predicted variance on them, and on the test images, in standard deviations of the numbers.
    deviation: NonNegativeFloat
    test_deviation: NonNegativeFloat
    detection: tuple[Detection, ...] = Field(min_length=1)
    #: The same of each member alone, in the order of their indices.
    members: tuple[MemberDetection, ...] = ()

    @property
    def best(self) -> Detection:
        """The measure with the largest area under the ROC curve."""
        return best_detection(self.detection)

    @property
    def average_members(self) -> dict[DetectionMeasure, float]:
        """The mean of the members' own areas under the ROC curve, by measure; empty if they were not measured."""
        return average_detection(self.members)


class ShortScores(Message):
    """Scores without intervals; `deepchord.shared.uncertainty.scores` defines them."""

    accuracy: Share
    negative_log_likelihood: NonNegativeFloat
    expected_calibration_error: Share


class ShiftedScores(Message):
    """Scores on all test images after they were changed in one way."""

    kind: ShiftKind
    strength: Annotated[int, Field(ge=1, le=STRENGTHS)]
    #: The mean of the members' own scores.
    members: ShortScores
    #: Of the mean of their probabilities.
    mean: ShortScores
    #: Of the mean, calibrated as in the evaluation: no shifted image was used for the fit. None: without calibration.
    calibrated: ShortScores | None = None


class ShortNumberScores(Message):
    """Scores of predicted numbers, the means over them; `deepchord.shared.regression` defines them."""

    #: In standard deviations of the numbers, and in nats of the standardised numbers.
    root_mean_squared_error: NonNegativeFloat
    negative_log_likelihood: FiniteFloat
    #: The share of the numbers in the intervals of normal distributions, for each of the levels of an evaluation.
    coverage: tuple[Share, ...] = Field(min_length=1)


class ShiftedNumbers(Message):
    """Scores of predicted numbers on all test images after they were changed in one way."""

    kind: ShiftKind
    strength: Annotated[int, Field(ge=1, le=STRENGTHS)]
    #: The mean of the members' own scores.
    members: ShortNumberScores
    #: Of the mixture, with its variance as it is.
    mean: ShortNumberScores
    #: With the variance scaled as in the evaluation: no shifted image was used for the fit. None: without scaling.
    scaled: ShortNumberScores | None = None
    #: The share of the numbers in the conformal intervals of the evaluation, by level; empty without them.
    conformal_coverage: tuple[Share, ...] = ()


class Study(Versioned):
    """The result of a study, in storage beside the run's evaluation."""

    spec: StudySpec
    evaluation: EnsembleEvaluation
    unseen: UnseenScores | None = None
    shifted: tuple[ShiftedScores, ...] = ()


class RegressionStudy(Versioned):
    """The result of a study of a run that predicts numbers."""

    spec: StudySpec
    evaluation: RegressionEvaluation
    unseen: UnseenNumbers | None = None
    shifted: tuple[ShiftedNumbers, ...] = ()


class StudyFailure(Versioned):
    """Why a study ended without a result."""

    spec: StudySpec
    reason: str
    failed_at: AwareDatetime


def is_study_name(value: object) -> bool:
    """Return whether a value can be the name of a study."""
    return isinstance(value, str) and re.fullmatch(_NAME, value) is not None


def best_detection(found: Iterable[Detection]) -> Detection:
    """Return the measure with the largest area under the ROC curve."""
    return max(found, key=lambda each: each.area_under_roc)


def average_detection(members: Iterable[MemberDetection]) -> dict[DetectionMeasure, float]:
    """Return the mean of the members' own areas under the ROC curve, by measure."""
    areas: dict[DetectionMeasure, list[float]] = {}
    for member in members:
        for each in member.detection:
            areas.setdefault(each.measure, []).append(each.area_under_roc)
    return {measure: fmean(found) for measure, found in areas.items()}
