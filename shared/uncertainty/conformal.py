"""Conformal sets: sets of classes that contain the actual class with a wanted probability; NumPy only."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

ConformalMethod = Literal["lac", "aps"]


def conformal_scores(probabilities: NDArray[np.floating], method: ConformalMethod) -> NDArray[np.float64]:
    """Return how badly each class fits each image, [images, classes]: a class is in the set if its score is low enough.

    - `lac`: 1 - p(class) (Sadinle, Lei and Wasserman 2019): the smallest sets on average.
    - `aps`: the summed probabilities of all classes that are more probable, and half of its own (Romano, Sesia and
      Candès 2020, with the mean of their random share, so that an image has one set): larger sets where an image is
      harder. If the whole of its own probability were added, the sets of a network that is mostly certain and right
      would hold almost all classes.

    Args:
        probabilities: [images, classes]; each row sums to 1.
        method: The score.
    """
    values = probabilities.astype(np.float64)
    if method == "lac":
        return np.asarray(1 - values)
    order = np.argsort(-values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    summed = np.cumsum(ordered, axis=1) - ordered / 2
    scores = np.empty_like(summed)
    np.put_along_axis(scores, order, summed, axis=1)
    return scores


def marginal_threshold(scores: NDArray[np.float64], labels: NDArray[np.integer], level: float) -> float | None:
    """Return the threshold with which sets contain the actual class with at least the wanted probability.

    The guarantee holds if calibration images and later ones are exchangeable and no member was trained on either
    (Vovk, Gammerman and Shafer 2005; Angelopoulos and Bates 2023, section 1).

    Args:
        scores: [images, classes], as `conformal_scores` returns them, of calibration images.
        labels: [images], class indices.
        level: The wanted probability, between 0 and 1.

    Returns:
        The threshold; None if there are too few images for one: every class is in the set then.
    """
    of_actual = scores[np.arange(len(labels)), labels]
    # Rounded first: 0.9 * 10 must not become 9.000000000000002.
    rank = int(np.ceil(np.round((len(of_actual) + 1) * level, 9)))
    return None if rank > len(of_actual) else float(np.partition(of_actual, rank - 1)[rank - 1])


def class_thresholds(
    scores: NDArray[np.float64], labels: NDArray[np.integer], level: float
) -> tuple[float | None, ...]:
    """Return one threshold per class: the wanted probability then holds within each class (Vovk 2012, "Mondrian").

    For arguments and None see `marginal_threshold`; a class without calibration images has None.
    """
    classes = scores.shape[1]
    return tuple(
        marginal_threshold(scores[labels == label], labels[labels == label], level) for label in range(classes)
    )


def conformal_sets(scores: NDArray[np.float64], thresholds: tuple[float | None, ...]) -> NDArray[np.bool_]:
    """Return which classes are in each image's set, bool [images, classes].

    Args:
        scores: [images, classes], as `conformal_scores` returns them.
        thresholds: One, or one for each class; None: every class is in.
    """
    bounds = np.array([np.inf if threshold is None else threshold for threshold in thresholds])
    return np.asarray(scores <= bounds)


def set_coverage(sets: NDArray[np.bool_], labels: NDArray[np.integer]) -> float:
    """Return the share of images whose set contains the actual class.

    Args:
        sets: bool [images, classes].
        labels: [images], class indices.
    """
    return float(sets[np.arange(len(labels)), labels].mean())
