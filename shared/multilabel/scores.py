"""Scores of the probabilities of labels: losses, right answers, calibration; only intervals need SciPy."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import LabelLosses, LabelResult, LabelScores
from deepchord.shared.uncertainty import (
    SMALLEST_PROBABILITY,
    Contributions,
    area_under_roc,
    estimates,
    width_bins,
)

#: A label is predicted if its probability is above this.
LEAST_APPLYING = 0.5
_NAMES = (
    "negative_log_likelihood",
    "brier_score",
    "exact_match",
    "hamming_loss",
    "calibration_error",
)


def score_labels(probabilities: NDArray[np.floating], labels: NDArray[np.integer], seed: int = 0) -> LabelScores:
    """Return all scores of probabilities of labels together, the first five with their bootstrap intervals.

    - `negative_log_likelihood`: the binary cross-entropy in nats, and
    - `brier_score`: the squared difference between probability and label, both means over rows and labels.
    - `exact_match`: the share of rows of which every label is predicted right (subset accuracy).
    - `hamming_loss`: the share of labels that are predicted wrong (Schapire and Singer 2000).
    - `calibration_error`: 15 bins of equal width hold all probabilities; the mean of |share that applies - probability|
      over the bins, weighted with their probabilities (Naeini et al. 2015).
    - `micro_f1`: F1 of all labels counted together; `macro_f1`: the mean F1 of the labels that apply to some row.

    Args:
        probabilities: [size, labels]. At least one row.
        labels: [size, labels], 1 for labels that apply and else 0.
        seed: Decides the bootstrap's samples.
    """
    values = estimates(_contributions(probabilities, labels), seed)
    counts, applying = _counts(probabilities, labels), np.asarray(labels.any(axis=0)).tolist()
    of_labels = [f1 for f1 in map(_f1, *counts, applying) if f1 is not None]
    right, missed, wrong = (sum(each) for each in counts)
    micro = _f1(right, missed, wrong, applies=any(applying))
    macro = sum(of_labels) / len(of_labels) if of_labels else None
    return LabelScores.model_validate({**dict(zip(_NAMES, values, strict=True)), "micro_f1": micro, "macro_f1": macro})


def label_losses(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> LabelLosses:
    """Return the scores that are quickly computed; see `score_labels`."""
    wrong = _is_wrong(probabilities, labels)
    return LabelLosses(
        negative_log_likelihood=label_negative_log_likelihood(probabilities, labels),
        exact_match=float((~wrong.any(axis=1)).mean()),
        hamming_loss=float(wrong.mean()),
    )


def label_negative_log_likelihood(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the binary cross-entropy in nats, averaged over rows and labels; see `score_labels`."""
    return float(_losses(probabilities, labels).mean())


def label_results(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> tuple[LabelResult, ...]:
    """Return the scores of each label; see `score_labels` for the arguments."""
    losses = _losses(probabilities, labels).mean(axis=0)
    squares = ((probabilities.astype(np.float64) - labels) ** 2).mean(axis=0)
    return tuple(
        LabelResult(
            prevalence=float(actual.mean()),
            f1=_f1(right, missed, wrong, applies=bool(actual.any())),
            area_under_roc=area_under_roc(np.stack([1 - applies, applies], axis=1), actual),
            negative_log_likelihood=float(loss),
            brier_score=float(square),
        )
        for right, missed, wrong, actual, applies, loss, square in zip(
            *_counts(probabilities, labels), labels.T, probabilities.T, losses, squares, strict=True
        )
    )


def _contributions(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Contributions:
    """Return what each row contributes to each score, in the order of `_NAMES`."""
    probabilities = probabilities.astype(np.float64)
    gaps, wrong = probabilities - labels, _is_wrong(probabilities, labels)
    return Contributions(
        means=(
            _losses(probabilities, labels).mean(axis=1),
            (gaps**2).mean(axis=1),
            np.asarray(~wrong.any(axis=1), dtype=np.float64),
            wrong.mean(axis=1),
        ),
        binned=((width_bins(probabilities), gaps),),
    )


def _losses(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    applies = probabilities.astype(np.float64)
    of_actual = np.where(labels == 1, applies, 1 - applies)
    return np.asarray(-np.log(np.clip(of_actual, SMALLEST_PROBABILITY, 1.0)))


def _is_wrong(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    return np.asarray((probabilities > LEAST_APPLYING) != (labels == 1))


def _counts(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> tuple[list[int], list[int], list[int]]:
    """Return for each label how often it is found, how often missed, and how often predicted wrongly."""
    predicted, actual = probabilities > LEAST_APPLYING, labels == 1
    found = (predicted & actual, ~predicted & actual, predicted & ~actual)
    right, missed, wrong = (each.sum(axis=0).tolist() for each in found)
    return right, missed, wrong


def _f1(right: int, missed: int, wrong: int, applies: bool) -> float | None:
    """Return F1, 0 if no row was found to which the label applies; None: it applies to none."""
    return 2 * right / (2 * right + missed + wrong) if applies else None
