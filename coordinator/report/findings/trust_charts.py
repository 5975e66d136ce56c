"""What the charts about trust show, for page and figures: reliability, risk against coverage, entropies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import ReportContent
from deepchord.shared.messages import ReliabilityBin
from deepchord.shared.uncertainty import risk_coverage, share_of_maximum

#: How many points a curve of risk against coverage has at most.
_POINTS = 200
#: Into how many parts the entropies are counted.
_PARTS = 20


@dataclass(frozen=True, kw_only=True)
class ReliabilityPoint:
    """The test images of about one confidence; all in [0, 1]."""

    confidence: float
    accuracy: float
    #: How many of the test images they are.
    share: float


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How often the ensemble is right, by its confidence."""

    before: tuple[ReliabilityPoint, ...]
    #: Empty without a calibration.
    after: tuple[ReliabilityPoint, ...]


@dataclass(frozen=True, kw_only=True)
class RiskPoint:
    """The share of the images that are answered, and of those the share that is wrong; both in [0, 1]."""

    coverage: float
    risk: float


@dataclass(frozen=True, kw_only=True)
class RiskCurve:
    """How often the ensemble is wrong if it answers only the test images that it is most confident about."""

    #: From few images to all of them.
    points: tuple[RiskPoint, ...]
    #: What the chosen thresholds of confidence lead to, as far as they answer anything.
    chosen: tuple[RiskPoint, ...]


@dataclass(frozen=True, kw_only=True)
class EntropyCounts:
    """How predictive entropies are spread from 0 to log(classes): of right, wrong and unseen images."""

    #: The share of the right images in each of 20 parts of equal width; empty if no image is right.
    right: tuple[float, ...]
    #: The same of the wrong images, and of unseen ones; empty if there are none.
    wrong: tuple[float, ...]
    unseen: tuple[float, ...] = ()


def reliability(content: ReportContent) -> Reliability | None:
    """Return how often the ensemble is right, by its confidence; None if that was not measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return None
    return Reliability(
        before=_reliability_points(uncertainty.reliability),
        after=_reliability_points(uncertainty.calibrated_reliability),
    )


def risk_curve(content: ReportContent) -> RiskCurve | None:
    """Return how often the ensemble is wrong, by how many images it answers; None if that was not measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return None
    risks = risk_coverage(content.best_test_probabilities.max(axis=1), is_right(content))
    images = len(risks)
    shown = np.unique(np.linspace(0, images, min(_POINTS, images) + 1)[1:].astype(np.int64)).tolist()
    chosen = uncertainty.selective.abstentions
    return RiskCurve(
        points=tuple(RiskPoint(coverage=number / images, risk=float(risks[number - 1])) for number in shown),
        chosen=tuple(
            RiskPoint(coverage=each.coverage, risk=each.test_risk) for each in chosen if each.test_risk is not None
        ),
    )


def entropy_counts(content: ReportContent) -> EntropyCounts | None:
    """Return how the entropies of right and wrong test images are spread; None if they were not measured."""
    measured, classes = content.probabilities.test_uncertainty, len(content.dataset.class_names)
    if measured is None or classes < 2:  # with one class there is nothing to be uncertain about
        return None
    right, entropies = is_right(content), measured.predictive_entropy
    unseen = content.probabilities.unseen_uncertainty
    return EntropyCounts(
        right=_spread(entropies[right], classes),
        wrong=_spread(entropies[~right], classes),
        unseen=() if unseen is None else _spread(unseen.predictive_entropy, classes),
    )


def is_right(content: ReportContent) -> NDArray[np.bool_]:
    """Return which test images the ensemble classifies right, bool [test_size]."""
    return np.asarray(content.best_test_probabilities.argmax(axis=1) == content.dataset.y_test)


def _reliability_points(bins: Sequence[ReliabilityBin]) -> tuple[ReliabilityPoint, ...]:
    images = sum(each.images for each in bins)
    return tuple(
        ReliabilityPoint(confidence=each.mean_confidence, accuracy=each.accuracy, share=each.images / images)
        for each in bins
    )


def _spread(entropies: NDArray[np.float32], classes: int) -> tuple[float, ...]:
    if len(entropies) == 0:
        return ()
    shares = np.clip(share_of_maximum(entropies, classes), 0, 1)
    counts, _ = np.histogram(shares, bins=_PARTS, range=(0, 1))
    return tuple((counts / len(shares)).tolist())
