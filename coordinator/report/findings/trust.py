"""How far the ensemble's probabilities can be trusted, in sentences and as curves; empty where nobody measured it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, percent
from deepchord.coordinator.report.findings.scales import Scale, Tick
from deepchord.shared.messages import Abstention, CalibrationSource, Estimate, ReliabilityBin
from deepchord.shared.uncertainty import risk_coverage

#: The risk that is told of where there is room for one.
_TOLD_RISK = 0.01
#: A curve has about so many points.
_POINTS = 200
#: From here on, in percent of a horizontal axis, a label would stand out.
_END = 95.0
#: Differences between accuracy and confidence below this are not worth a word.
_SMALL_DIFFERENCE = 0.005


@dataclass(frozen=True, kw_only=True)
class TrustPanel:
    """A square chart of 100 by 100, with one or two lines and a dot at each of their points, if they are few."""

    title: str
    #: What the axes show.
    x_label: str
    y_label: str
    #: Paths of SVG; the first is drawn dashed, and empty if there is only one line.
    before: str
    after: str
    #: The dots of the second line.
    dots: str
    #: A straight line for comparison, or empty.
    reference: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def calibration_line(content: ReportContent) -> str:
    """Return the loss and the calibration error after calibration in a line; empty without a calibration."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None or uncertainty.calibrated is None:
        return ""
    loss = uncertainty.calibrated.negative_log_likelihood.value
    before, after = (
        percent(scores.expected_calibration_error.value) for scores in (uncertainty.mean, uncertainty.calibrated)
    )
    return f"Calibrated loss {loss:.{LOSS_DIGITS}f}, calibration error {after}, {before} before calibration"


def abstention_line(content: ReportContent) -> str:
    """Return how many images are answered with one wrong answer in a hundred; empty if nobody measured it."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return ""
    told = [each for each in uncertainty.selective.abstentions if each.risk == _TOLD_RISK]
    return abstention_words(told[0]) if told else ""


def abstention_words(abstention: Abstention) -> str:
    """Return in words how many test images are answered with so few wrong answers."""
    wanted = percent(abstention.risk, 1 if abstention.risk < _TOLD_RISK else 0)
    if abstention.threshold is None or abstention.test_risk is None:
        return f"No confidence is high enough to be wrong in at most {wanted} of the answers"
    wrong, answered = percent(abstention.test_risk, 1), percent(abstention.coverage, 1)
    return f"Asked to be wrong in at most {wanted} of its answers, it answers {answered} (wrong: {wrong})"


def source_words(source: CalibrationSource) -> str:
    """Return in words which images a threshold or a temperature comes from."""
    match source:
        case "calibration_images":
            return "training images that no member was trained on"
        case "out_of_bag":
            return "training images, each predicted only by members that held it out"
        case "test_images":
            return "the test images themselves, for want of others: it looks better than it is"


def calibration_words(content: ReportContent) -> str:
    """Return where the temperature comes from, in a sentence; empty without a calibration."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None or uncertainty.calibration is None:
        return ""
    calibration = uncertainty.calibration
    fitted = f"{calibration.images:,} {source_words(calibration.source)}"
    by = f", {calibration.members_per_image:.1f} of them on average" if calibration.source == "out_of_bag" else ""
    then = (
        f"; from {calibration.fitted_temperature:.3f} there it was extrapolated to {content.evaluation.trained} members"
        if calibration.is_extrapolated
        else ""
    )
    return f"Its temperature is {calibration.temperature:.3f}, fitted on {fitted}{by}{then}. No test image had a say."


def conclusion(content: ReportContent) -> str:
    """Return what a reader may conclude of the probabilities, in plain words; empty if nobody measured them."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return ""
    confidence, accuracy = mean_confidence(uncertainty.reliability), content.evaluation.test.accuracy
    difference = confidence - accuracy
    if abs(difference) < _SMALL_DIFFERENCE:
        tends = f"As averaged, the probabilities are about right: {percent(confidence, 1)} sure on average"
    else:
        way = "too sure of themselves" if difference > 0 else "too cautious"
        tends = f"As averaged, the probabilities are {way}: {percent(confidence, 1)} sure on average"
    text = f"{tends}, and right in {percent(accuracy, 1)}."
    if uncertainty.calibrated is None:
        return f"{text} They are not calibrated, because it is not known which images the members were trained on."
    error = uncertainty.calibrated.expected_calibration_error
    return (
        f"{text} After calibration, what is said with a probability is right about as often: on average it is off by "
        f"{percent(error.value, 1)} (95 % interval {interval(error, in_percent=True)})."
    )


def mean_confidence(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean confidence of all images in bins."""
    return sum(each.images * each.mean_confidence for each in bins) / sum(each.images for each in bins)


def interval(estimate: Estimate, *, in_percent: bool = False) -> str:
    """Return the interval of a score in words."""
    if in_percent:
        return f"{100 * estimate.low:.2f} to {percent(estimate.high)}"
    return f"{estimate.low:.4f} to {estimate.high:.4f}"


def trust_panels(content: ReportContent) -> tuple[TrustPanel, ...]:
    """Return the reliability diagram and the curve of risk against coverage; empty if nobody measured them."""
    return (_reliability(content), _risk(content)) if content.evaluation.uncertainty is not None else ()


def _reliability(content: ReportContent) -> TrustPanel:
    uncertainty = content.evaluation.uncertainty
    assert uncertainty is not None  # noqa: S101  the caller has looked
    calibrated = uncertainty.calibrated_reliability
    shown = calibrated or uncertainty.reliability
    bins = (*uncertainty.reliability, *calibrated)
    lowest = min(min(each.accuracy, each.mean_confidence) for each in bins)
    scale = Scale(start=np.floor(10 * min(0.9, lowest)) / 10, end=1.0)
    points = [(each.mean_confidence, each.accuracy) for each in shown]
    ticks = scale.ticks(5, factor=100, suffix="\u00a0%")
    return TrustPanel(
        title="Reliability",
        x_label="confidence",
        y_label="accuracy",
        before=_path([(each.mean_confidence, each.accuracy) for each in uncertainty.reliability], scale, scale)
        if calibrated
        else "",
        after=_path(points, scale, scale),
        dots="".join(_path([point], scale, scale) for point in points),
        reference="M0 100L100 0",
        x_ticks=_inner(ticks),
        y_ticks=ticks,
    )


def _risk(content: ReportContent) -> TrustPanel:
    probabilities, labels = content.trusted_probabilities, content.dataset.y_test
    risks = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    places = np.unique(np.linspace(0, len(risks) - 1, _POINTS).astype(int))
    x, y = Scale(start=0.0, end=1.0), Scale(start=0.0, end=max(0.01, 1.05 * float(risks.max())))
    return TrustPanel(
        title="Errors among the answers",
        x_label="share of the images that is answered, the most confident first",
        y_label="share of the answers that is wrong",
        before="",
        after=_path([((place + 1) / len(risks), float(risks[place])) for place in places], x, y),
        dots="",
        reference="",
        x_ticks=_inner(x.ticks(5, factor=100, suffix="\u00a0%")),
        y_ticks=y.ticks(5, factor=100, suffix="\u00a0%"),
    )


def _inner(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Return the ticks whose labels do not stand out at the end of the axis."""
    return tuple(tick for tick in ticks if tick.position < _END)


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    places = [f"{x.position(across):.2f} {100 - y.position(up):.2f}" for across, up in points]
    return f"M{'L'.join(places)}" if len(places) > 1 else f"M{places[0]}h0"
