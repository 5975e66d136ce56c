"""Scores of predictions whose labels are known, summed up lot by lot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.prediction import Prediction
from deepchord.shared.uncertainty import BINS, SMALLEST_PROBABILITY, width_bins


@dataclass(frozen=True, kw_only=True)
class LabelledScores:
    """How good predictions are, on the images that have labels."""

    images: int
    accuracy: float
    negative_log_likelihood: float
    expected_calibration_error: float


class RunningScores:
    """Sums up scores over lots of images; its memory does not grow with them."""

    def __init__(self) -> None:
        self._images = 0
        self._right = 0
        self._loss = 0.0
        self._by_bin = np.zeros((BINS, 2))

    def add(self, prediction: Prediction, labels: NDArray[np.int64]) -> None:
        """Add some images; those whose label is -1 do not count."""
        rows = np.flatnonzero(labels >= 0)
        actual = labels[rows]
        is_right = prediction.labels[rows] == actual
        confidence = prediction.confidence[rows].astype(np.float64)
        of_actual = prediction.probabilities[rows, actual].astype(np.float64)
        self._images += len(rows)
        self._right += int(is_right.sum())
        self._loss -= float(np.log(np.maximum(of_actual, SMALLEST_PROBABILITY)).sum())
        np.add.at(self._by_bin, width_bins(confidence), np.column_stack([confidence, is_right]))

    def result(self) -> LabelledScores | None:
        """Return the scores; None if no image had a label."""
        if not self._images:
            return None
        # A bin's share of the error is the difference of its summed confidences and right answers.
        error = np.abs(self._by_bin[:, 0] - self._by_bin[:, 1]).sum() / self._images
        return LabelledScores(
            images=self._images,
            accuracy=self._right / self._images,
            negative_log_likelihood=self._loss / self._images,
            expected_calibration_error=float(error),
        )
