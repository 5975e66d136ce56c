"""How far the ensemble's probabilities can be trusted, in sentences: before and after calibration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, count, percent, percent_range
from deepchord.shared.messages import Calibration, EnsembleUncertainty, Estimate, ReliabilityBin

#: Mean confidence and accuracy differ clearly if they differ by more than this share and this many standard errors.
_SMALL_GAP = 0.005
_STANDARD_ERRORS = 2.0
#: With fewer test images than this a calibration error is mostly chance.
_FEW_IMAGES = 1_000


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """The mean probability that the ensemble gives its answers, and the share of right ones, on the test images."""

    mean: float
    accuracy: float
    images: int

    @property
    def excess(self) -> float:
        """How much the mean confidence is above the accuracy, in [-1, 1]."""
        return self.mean - self.accuracy

    @property
    def is_off(self) -> bool:
        """Whether the two differ by more than chance explains."""
        # The standard error of the accuracy if the confidence were right about it.
        error = sqrt(self.mean * (1 - self.mean) / self.images)
        return abs(self.excess) > max(_SMALL_GAP, _STANDARD_ERRORS * error)


def confidence(bins: Sequence[ReliabilityBin]) -> Confidence:
    """Return the mean confidence and the accuracy of all images in reliability bins, at least one."""
    images = sum(each.images for each in bins)
    return Confidence(
        mean=min(1.0, sum(each.images * each.mean_confidence for each in bins) / images),
        accuracy=sum(each.images * each.accuracy for each in bins) / images,
        images=images,
    )


def calibration_gain(content: ReportContent) -> str:
    """Return loss and calibration error before and after calibration in a line; empty if they were not measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return ""
    before, after = uncertainty.mean, uncertainty.calibrated
    if after is None:
        error = error_with_interval(before.expected_calibration_error)
        return f"Calibration error {error}; there are no images to calibrate on"
    return (
        f"Calibrated loss {after.negative_log_likelihood.value:.{LOSS_DIGITS}f}, "
        f"{before.negative_log_likelihood.value:.{LOSS_DIGITS}f} before; calibration error "
        f"{error_with_interval(after.expected_calibration_error)}, "
        f"{percent(before.expected_calibration_error.value)} before"
    )


def error_with_interval(error: Estimate) -> str:
    """Return a calibration error with its 95 % interval: `0.61 % (0.43 to 0.90 %)`."""
    return f"{percent(error.value)} ({percent_range(error.low, error.high)})"


def calibration_source(content: ReportContent) -> str:
    """Return in a sentence where the calibration comes from; empty if nothing was measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return ""
    calibration = uncertainty.calibration
    if calibration is None:
        return (
            "There are no images to calibrate on: all probabilities are the mean of the members' as it is. A run has "
            "such images, a share that no member is trained on or those that members held out; weight files alone have "
            "none."
        )
    return (
        f"The mean of the members' probabilities has the temperature {calibration.temperature:.2f}: above 1 makes it "
        f"less certain, below 1 more. It was fitted on {_fitted_on(calibration, content.evaluation.trained)}."
        f"{_of_map(calibration)}"
    )


def trust_conclusion(content: ReportContent) -> str:
    """Return a paragraph on what a reader may conclude from the probabilities; empty if nothing was measured."""
    uncertainty = content.evaluation.uncertainty
    return " ".join(_conclusions(uncertainty)) if uncertainty is not None else ""


def _conclusions(uncertainty: EnsembleUncertainty) -> Iterator[str]:
    before = confidence(uncertainty.reliability)
    best = confidence(uncertainty.calibrated_reliability or uncertainty.reliability)
    yield _off(before, "Before calibration" if uncertainty.calibrated else "Without calibration")
    if uncertainty.calibrated_reliability:
        yield _calibrated(before, best)
    yield _error(uncertainty)
    if before.images < _FEW_IMAGES and not best.is_off:
        yield f"With only {count(before.images, 'test image')} much of it is chance."
    if uncertainty.best.negative_log_likelihood.value > uncertainty.mean.negative_log_likelihood.value:
        yield "On these test images the calibration did not lower the loss."
    yield "All this is about images like the test images; of other images the probabilities promise nothing."


def _error(uncertainty: EnsembleUncertainty) -> str:
    best, mean = (scores.expected_calibration_error.value for scores in (uncertainty.best, uncertainty.mean))
    before = f", {100 * mean:.2f} before" if uncertainty.calibrated else ""
    return (
        "In groups of images with about the same confidence, confidence and accuracy differ by "
        f"{100 * best:.2f} points on average{before}: the calibration error."
    )


def _off(found: Confidence, when: str) -> str:
    shares = (
        f"{when} the ensemble gives its answers a probability of {percent(found.mean)} on average, and "
        f"{percent(found.accuracy)} of them are right"
    )
    if not found.is_off:
        return f"{shares}: no clear difference."
    return f"{shares}: it is {_excess(found)}."


def _calibrated(before: Confidence, after: Confidence) -> str:
    mean = f"After calibration the probability is {percent(after.mean)}"
    if after.is_off:
        return f"{mean}: {'still ' if before.is_off else ''}{_excess(after)}."
    return f"{mean}, and {'no clear difference is left' if before.is_off else 'there is still no clear difference'}."


def _excess(found: Confidence) -> str:
    kind = "over-confident" if found.excess > 0 else "under-confident"
    return f"{kind} by {100 * abs(found.excess):.2f} points"


def _of_map(calibration: Calibration) -> str:
    """Return a sentence on the map of confidence, if one was tried."""
    before, after = calibration.temperature_loss, calibration.map_loss
    if before is None or after is None:
        return ""
    tried = (
        f"in a cross-validation over these images it brought the loss from {before:.{LOSS_DIGITS}f} to "
        f"{after:.{LOSS_DIGITS}f}"
    )
    if calibration.confidence_map:
        return f" After it, each confidence becomes the share of answers that were right at that confidence: {tried}."
    return f" A map of each confidence to the share of right answers did not help: {tried}."


def _fitted_on(calibration: Calibration, members: int) -> str:
    """Return in words which images a temperature was fitted on, and whether it was extrapolated."""
    if calibration.source == "test_images":
        return f"the {count(calibration.images, 'test image')} themselves, so the scores after it are too good"
    images = count(calibration.images, "training image")
    if calibration.source == "calibration_images":
        return f"{images} that no member was trained on"
    held_out = f"{images}, each predicted by the members that held it out"
    of_members = f"{calibration.members_per_image:.1f} of {count(members, 'member')} on average"
    if not calibration.is_extrapolated:
        return f"{held_out}, {of_members}"
    return f"{held_out}, {of_members}: {calibration.fitted_temperature:.2f} fits them, extrapolated to all members"
