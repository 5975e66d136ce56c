"""Prediction sets and selective prediction: thresholds from held-out images, and how they do on test images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Abstention, Calibration, CalibrationSource, ConformalSets, SelectivePrediction
from deepchord.shared.uncertainty import (
    ConformalMethod,
    abstention_threshold,
    area_under_generalized_risk,
    area_under_risk_coverage,
    calibrator_of,
    class_thresholds,
    conformal_scores,
    conformal_sets,
    marginal_threshold,
    set_coverage,
)

#: The probabilities with which conformal sets contain the actual class.
_LEVELS = (0.9, 0.95, 0.99)
#: Shares of the answers that may be wrong.
_RISKS = (0.05, 0.02, 0.01, 0.005)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledProbabilities:
    """Probabilities of images, and what the images show."""

    #: float32 [images, classes].
    probabilities: NDArray[np.float32]
    #: [images], class indices.
    labels: NDArray[np.integer]


def all_sets(
    fitted_on: LabelledProbabilities, tested: LabelledProbabilities, is_approximate: bool
) -> Iterator[ConformalSets]:
    """Yield the conformal sets of both methods and guarantees at all levels, and how they did on test images.

    Args:
        fitted_on: The images that the thresholds are chosen on.
        tested: The test images.
        is_approximate: Whether members were validated on the former.
    """
    for method in get_args(ConformalMethod):
        scores = conformal_scores(fitted_on.probabilities, method)
        of_test = conformal_scores(tested.probabilities, method)
        for level in _LEVELS:
            marginal = (marginal_threshold(scores, fitted_on.labels, level),)
            of_classes = class_thresholds(scores, fitted_on.labels, level)
            for guarantee, thresholds in (("marginal", marginal), ("class", of_classes)):
                sets = conformal_sets(of_test, thresholds)
                yield ConformalSets(
                    method=method,
                    guarantee=guarantee,
                    level=level,
                    is_approximate=is_approximate,
                    thresholds=thresholds,
                    coverage=set_coverage(sets, tested.labels),
                    mean_size=float(sets.sum(axis=1).mean()),
                )


def confidence_thresholds(
    calibration: Calibration | None, fitted_on: LabelledProbabilities
) -> Iterator[tuple[float, float | None]]:
    """Yield each share of wrong answers, and the calibrated confidence from which on no more of them are wrong.

    The threshold is chosen where the images have the temperature alone, which leaves them in the same order.
    """
    for risk in _RISKS:
        threshold = abstention_threshold(*_confidence(fitted_on), risk)
        if threshold is not None and calibration is not None:
            threshold = calibrator_of(calibration).threshold(threshold)
        # Calibrated probabilities are stored in float32.
        yield risk, None if threshold is None else float(np.float32(threshold))


def selective_prediction(
    tested: LabelledProbabilities, source: CalibrationSource, thresholds: Iterable[tuple[float, float | None]]
) -> SelectivePrediction:
    """Return how well confidence tells right answers from wrong ones on test images.

    Args:
        tested: The test images, with the probabilities whose thresholds are given.
        source: The images that the thresholds were chosen on.
        thresholds: Each share of wrong answers that is allowed, and the confidence from which on an image is answered;
            None: never.
    """
    confidence, is_right = _confidence(tested)
    return SelectivePrediction(
        source=source,
        area_under_risk_coverage=area_under_risk_coverage(confidence, is_right),
        area_under_generalized_risk=area_under_generalized_risk(confidence, is_right),
        abstentions=tuple(_abstention(tested, risk, threshold) for risk, threshold in thresholds),
    )


def _abstention(tested: LabelledProbabilities, risk: float, threshold: float | None) -> Abstention:
    confidence, is_right = _confidence(tested)
    answered = np.zeros(len(confidence), dtype=bool) if threshold is None else confidence >= threshold
    return Abstention(
        risk=risk,
        threshold=threshold,
        coverage=float(answered.mean()),
        test_risk=float((~is_right[answered]).mean()) if answered.any() else None,
    )


def _confidence(images: LabelledProbabilities) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence of each image in [0, 1], and whether it is right."""
    confidence = np.minimum(images.probabilities.max(axis=1).astype(np.float64), 1.0)
    return confidence, np.asarray(images.probabilities.argmax(axis=1) == images.labels)
