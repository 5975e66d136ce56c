"""How far the probabilities of an ensemble can be trusted: scores, calibration, prediction sets, abstention."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from deepchord.shared.validation import Message, Share

#: Where the images come from that a calibration is fitted on: a share of the training images that no member trains on;
#: the training images that members held out for their validation; or the test images, of weights without a run.
CalibrationSource = Literal["calibration_images", "out_of_bag", "test_images"]


class Estimate(Message):
    """A score, and the 95 % interval of it that a bootstrap over the images gives."""

    value: NonNegativeFloat
    low: NonNegativeFloat
    high: NonNegativeFloat


class ProbabilityScores(Message):
    """The scores of probabilities, each with its interval; `deepchord.shared.uncertainty.scores` defines them."""

    accuracy: Estimate
    negative_log_likelihood: Estimate
    brier_score: Estimate
    expected_calibration_error: Estimate
    adaptive_calibration_error: Estimate
    classwise_calibration_error: Estimate


class ReliabilityBin(Message):
    """The images whose confidence (the probability of the predicted class) lies in one of 15 bins of equal width."""

    images: PositiveInt
    mean_confidence: Share
    accuracy: Share


class Calibration(Message):
    """How an ensemble's mean probabilities are calibrated, and on which images that was fitted."""

    source: CalibrationSource
    #: The mean probabilities p become softmax(log p / temperature).
    temperature: PositiveFloat
    #: On how many images it was fitted.
    images: PositiveInt
    #: How many members' probabilities were averaged for an image, in the mean over the images.
    members_per_image: PositiveFloat
    #: The temperature that fits those images; `temperature` differs from it if it was extrapolated to all members.
    fitted_temperature: PositiveFloat
    #: After the temperature, the confidence (the probability of the predicted class) is mapped, and the other classes
    #: keep their shares of the rest. Pairs of confidence and share of right answers, linear in between; empty: no map.
    confidence_map: tuple[tuple[Share, Share], ...] = ()
    #: The loss in nats in a cross-validation over those images (ten folds), with the temperature alone and with the
    #: map; None: there were too few images.
    temperature_loss: NonNegativeFloat | None = None
    map_loss: NonNegativeFloat | None = None

    @property
    def is_extrapolated(self) -> bool:
        """Whether the temperature was extrapolated to the number of members."""
        return self.temperature != self.fitted_temperature


class ConformalSets(Message):
    """Sets of classes that contain the actual class with a given probability, and how they did on the test images."""

    #: `lac`: Sadinle, Lei and Wasserman 2019. `aps`: Romano, Sesia and Candès 2020.
    method: Literal["lac", "aps"]
    #: `marginal`: one threshold for all images; `class`: one for each class.
    guarantee: Literal["marginal", "class"]
    #: The wanted probability, and whether it is only approximate: members were validated on the images.
    level: Annotated[float, Field(gt=0.0, lt=1.0)]
    is_approximate: bool
    #: A class is in the set if its score, of probabilities with the temperature alone (no map), is at most this: one
    #: number, or one for each class; None: with so few calibration images no threshold is possible, and every class is
    #: in the set.
    thresholds: tuple[FiniteFloat | None, ...] = Field(min_length=1)
    #: Share of the test images whose set contains the actual class, and the mean number of classes in a set.
    coverage: Share
    mean_size: NonNegativeFloat


class Abstention(Message):
    """How many images are answered if an ensemble may be wrong about this share of those that it answers."""

    #: The share of the answered images that may be wrong.
    risk: Annotated[float, Field(gt=0.0, lt=1.0)]
    #: An image is answered if its confidence is at least this, chosen on calibration images; None: never.
    threshold: Share | None = None
    #: Shares of the test images that are answered, and of those the share that is wrong; None if none is answered.
    coverage: Share
    test_risk: Share | None = None


class SelectivePrediction(Message):
    """How well confidence tells right predictions from wrong ones, on the test images."""

    #: Where the thresholds were chosen.
    source: CalibrationSource
    #: The area under the curve of risk against coverage (Geifman, Uziel and El-Yaniv 2019).
    area_under_risk_coverage: Share
    #: The area under the generalized risk (Traub et al. 2024): the mean over the coverages of the share of all images
    #: that are answered and wrong.
    area_under_generalized_risk: Share
    abstentions: tuple[Abstention, ...] = ()


class SizedEnsemble(Message):
    """The mean scores of ensembles of so many members on the same images, over random orders of the members.

    Their intervals hold 95 % of the orders; they say nothing of other images.
    """

    members: PositiveInt
    accuracy: Estimate
    negative_log_likelihood: Estimate
    expected_calibration_error: Estimate


class MemberGain(Message):
    """What one more member would bring, estimated on training images that members held out.

    The loss is computed with one half and with all of the members that held an image out. From these two values it is
    extrapolated, linear in 1 / members, to all members of the ensemble.
    """

    images: PositiveInt
    #: How many members held an image out, in the mean over the images.
    members_per_image: PositiveFloat
    #: The negative log-likelihood of the ensemble on such images, and by how much one more member would lower it; nats.
    loss: NonNegativeFloat
    fall: NonNegativeFloat

    @property
    def share(self) -> float:
        """The fall as a share of the loss; 0 without any loss."""
        return self.fall / self.loss if self.loss > 0 else 0.0


class MemberScores(Message):
    """The scores of one member's own probabilities on the test images."""

    index: NonNegativeInt
    scores: ProbabilityScores


class EnsembleUncertainty(Message):
    """Everything about the probabilities of an ensemble; on test images, unless a field says otherwise."""

    members: tuple[MemberScores, ...]
    mean: ProbabilityScores
    #: None: there are no images to calibrate on.
    calibration: Calibration | None = None
    calibrated: ProbabilityScores | None = None
    reliability: tuple[ReliabilityBin, ...]
    calibrated_reliability: tuple[ReliabilityBin, ...] = ()
    conformal: tuple[ConformalSets, ...] = ()
    selective: SelectivePrediction
    #: By number of members, of the probabilities as they are; empty for a single member.
    by_size: tuple[SizedEnsemble, ...] = ()
    #: The same on the images for the calibration, which all members predict. Without such images it is out of bag: each
    #: image is predicted by members that held it out for their validation. Empty: no two members held out an image.
    by_size_held_out: tuple[SizedEnsemble, ...] = ()
    #: None: no image was held out by two members.
    next_member: MemberGain | None = None

    @model_validator(mode="after")
    def _check_calibrated(self) -> "EnsembleUncertainty":
        if (self.calibration is None) != (self.calibrated is None):
            raise ValueError("calibration and calibrated must both be given, or neither")
        return self

    @property
    def best(self) -> ProbabilityScores:
        """The scores of the calibrated mean; of the mean as it is if it is not calibrated."""
        return self.calibrated or self.mean
