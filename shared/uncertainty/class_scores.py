"""Scores of classifications in which every class counts the same, however many images it has; NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepchord.shared.uncertainty.detection import detection_scores


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassScores:
    """How well each class is told, from a confusion matrix; arrays are [classes], with NaN where nothing is known."""

    #: int64: how many images show the class.
    support: NDArray[np.int64]
    #: float64: the share of the images predicted to be of the class that are; NaN: none was predicted to be.
    precision: NDArray[np.float64]
    #: float64: the share of the class's images that are predicted to be of it; NaN: it has no images.
    recall: NDArray[np.float64]
    #: float64: the harmonic mean of precision and recall, 0 if none of its images was found; NaN: it has no images.
    f1: NDArray[np.float64]

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have images (Brodersen et al. 2010), in [0, 1]."""
        return float(np.nanmean(self.recall))

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that have images, in [0, 1]."""
        return float(np.nanmean(self.f1))


def class_scores(confusion: ArrayLike) -> ClassScores:
    """Return how well each class is told.

    Args:
        confusion: [classes, classes], numbers of images; rows are actual classes, columns predicted ones. At least one
            image.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    right, support, predicted = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    return ClassScores(
        support=support,
        precision=_ratio(right, predicted),
        recall=_ratio(right, support),
        # 2 p r / (p + r), which is defined even if the class is never predicted.
        f1=np.where(support > 0, _ratio(2 * right, support + predicted), np.nan),
    )


def area_under_roc(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float | None:
    """Return how well probabilities separate two classes, whatever threshold is chosen; in [0, 1].

    It is the probability that an image of the second class has a higher probability of that class than one of the first
    class; ties count one half (Hanley and McNeil 1982).

    Args:
        probabilities: [images, classes].
        labels: [images], class indices.

    Returns:
        None if there are more than two classes, or images of one of them only.
    """
    of_second = labels == 1
    if probabilities.shape[1] != 2 or of_second.all() or not of_second.any():
        return None
    return min(1.0, detection_scores(probabilities[~of_second, 1], probabilities[of_second, 1]).area_under_roc)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))
