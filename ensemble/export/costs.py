"""What a smaller or coarser file costs: its size, and its scores on the test images, beside the whole one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchord.ensemble.answers import Answers, AnyPrediction, Question
from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.sources import read_exported
from deepchord.shared.datasets import Dataset
from deepchord.shared.multilabel import label_losses
from deepchord.shared.uncertainty import accuracy, expected_calibration_error, negative_log_likelihood

#: The level of the intervals whose coverage is compared.
LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class FileCosts:
    """How an exported file does on the test images."""

    size_bytes: int
    #: For all test images, on all cores.
    duration_s: float
    #: By their names; those of a target begin with its name where there are several.
    scores: Mapping[str, float]
    #: Of classes and labels: on how many test images its prediction is another than that of the file it is compared
    #: with. Of numbers: the largest difference of a mean, in standard deviations. 0 for that file itself.
    changed: float


def compare_files(whole: Path, reduced: Path, dataset: Dataset) -> tuple[FileCosts, FileCosts]:
    """Return how two exported files do on the test images of a data set.

    Raises:
        InputError: A file cannot be read.
    """
    costs: list[FileCosts] = []
    first: AnyPrediction | None = None
    for path in (whole, reduced):
        model = read_exported(path)
        answers = Answers(model.description, model.session, model.input_type, model.place)
        began = time.perf_counter()
        prediction = answers.answer(dataset.x_test, Question())
        took = time.perf_counter() - began
        first = first or prediction
        costs.append(
            FileCosts(
                size_bytes=path.stat().st_size,
                duration_s=took,
                scores=_scores(prediction, dataset),
                changed=_difference(first, prediction),
            )
        )
    return costs[0], costs[1]


def _scores(prediction: AnyPrediction, dataset: Dataset) -> dict[str, float]:
    if isinstance(prediction, RegressionPrediction):
        return _number_scores(prediction, dataset)
    if isinstance(prediction, MultilabelPrediction):
        found = label_losses(prediction.probabilities, dataset.y_test)
        return {
            "exact match": found.exact_match,
            "hamming loss": found.hamming_loss,
            "negative log-likelihood": found.negative_log_likelihood,
        }
    return {
        "accuracy": accuracy(prediction.probabilities, dataset.y_test),
        "negative log-likelihood": negative_log_likelihood(prediction.probabilities, dataset.y_test),
        "expected calibration error": expected_calibration_error(prediction.probabilities, dataset.y_test),
    }


def _number_scores(prediction: RegressionPrediction, dataset: Dataset) -> dict[str, float]:
    lower, upper = prediction.intervals(LEVEL)
    inside = ((lower <= dataset.y_test) & (dataset.y_test <= upper)).mean(axis=0)
    found: dict[str, float] = {}
    for target, scores in enumerate(prediction.scores(dataset.y_test)):
        of = f"{prediction.target_names[target]}: " if len(prediction.target_names) > 1 else ""
        found[f"{of}root mean squared error"] = scores.root_mean_squared_error
        found[f"{of}negative log-likelihood"] = scores.negative_log_likelihood
        found[f"{of}in intervals of {LEVEL:.0%}"] = float(inside[target])
    return found


def _difference(first: AnyPrediction, other: AnyPrediction) -> float:
    if isinstance(first, Prediction) and isinstance(other, Prediction):
        return float(np.count_nonzero(first.labels != other.labels))
    if isinstance(first, MultilabelPrediction) and isinstance(other, MultilabelPrediction):
        return float(np.count_nonzero((first.applies != other.applies).any(axis=1)))
    assert isinstance(first, RegressionPrediction), "both files predict the same"  # noqa: S101  for the type checker
    assert isinstance(other, RegressionPrediction), "both files predict the same"  # noqa: S101  for the type checker
    return float((np.abs(other.mean - first.mean) / first.standard_deviation).max())
