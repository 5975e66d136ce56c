"""Calibrates the mean probabilities of an ensemble: one temperature, and a map of confidence where that helps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Calibration
from deepchord.shared.uncertainty.confidence_map import MARGIN, ConfidenceMap, fit_confidence_map, with_confidence
from deepchord.shared.uncertainty.scores import negative_log_likelihood
from deepchord.shared.uncertainty.temperature import fit_temperature, with_temperature

#: With fewer images a map of confidence is not tried.
FEWEST_FOR_MAP = 500
_FOLDS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibrator:
    """What turns mean probabilities into calibrated ones."""

    temperature: float
    #: Applied after the temperature; None: the temperature is all.
    confidence_map: ConfidenceMap | None = None

    def __call__(self, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 [images, classes]; the predicted classes stay the same.

        Args:
            probabilities: [images, classes]; each row sums to 1.
        """
        scaled = with_temperature(probabilities, self.temperature)
        if self.confidence_map is None:
            return scaled
        return with_confidence(scaled, self.confidence_map(scaled.max(axis=1)))

    def threshold(self, confidence: float) -> float:
        """Return the calibrated confidence of an image whose confidence with the temperature alone is this."""
        if self.confidence_map is None:
            return confidence
        return min(float(self.confidence_map(np.array([confidence]))[0]), 1 - MARGIN)


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCalibrator:
    """A calibrator, and how it did on images that it was not fitted on."""

    calibrator: Calibrator
    #: The negative log-likelihood of images by calibrators that were fitted on others, in nats: with the temperature
    #: alone, and with the map. None: there are too few images.
    temperature_loss: float | None = None
    map_loss: float | None = None


def fit_calibrator(probabilities: NDArray[np.floating], labels: NDArray[np.integer], seed: int = 0) -> FittedCalibrator:
    """Return the better of two calibrators: a temperature alone, or a map of confidence after it.

    The better one has the lower loss in a cross-validation over the images, so no other image decides.

    Args:
        probabilities: [images, classes]; each row sums to 1. At least one image.
        labels: [images], class indices.
        seed: Decides the folds.
    """
    alone = Calibrator(temperature=fit_temperature(probabilities, labels))
    if len(labels) < FEWEST_FOR_MAP:
        return FittedCalibrator(calibrator=alone)
    folds = np.random.default_rng(seed).permutation(len(labels)) % _FOLDS
    of_temperature, of_map = (np.empty(probabilities.shape, dtype=np.float32) for _ in range(2))
    for fold in range(_FOLDS):
        inside, outside = folds != fold, folds == fold
        fitted = _with_map(probabilities[inside], labels[inside])
        of_map[outside] = fitted(probabilities[outside])
        of_temperature[outside] = with_temperature(probabilities[outside], fitted.temperature)
    losses = negative_log_likelihood(of_temperature, labels), negative_log_likelihood(of_map, labels)
    has_map = losses[1] < losses[0]
    return FittedCalibrator(
        calibrator=_with_map(probabilities, labels) if has_map else alone,
        temperature_loss=losses[0],
        map_loss=losses[1],
    )


def calibrator_of(calibration: Calibration) -> Calibrator:
    """Return the calibrator that a record describes."""
    if not calibration.confidence_map:
        return Calibrator(temperature=calibration.temperature)
    confidences, accuracies = np.array(calibration.confidence_map).T
    confidence_map = ConfidenceMap(confidences=confidences, accuracies=accuracies)
    return Calibrator(temperature=calibration.temperature, confidence_map=confidence_map)


def _with_map(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Calibrator:
    temperature = fit_temperature(probabilities, labels)
    scaled = with_temperature(probabilities, temperature)
    return Calibrator(temperature=temperature, confidence_map=fit_confidence_map(scaled, labels))
