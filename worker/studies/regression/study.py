"""Studies an ensemble that predicts numbers: evaluates it, and looks at more in the same pass over the members."""

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import EnsemblePredictions, encode_ensemble_predictions
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import RegressionEvaluation, ShiftedNumbers, UnseenNumbers
from deepchord.worker.evaluation import Candidate, Evaluator, Predict, evaluate_regression
from deepchord.worker.studies.conditions import Conditions
from deepchord.worker.studies.regression.conditions import ShiftedNumbersCollector, UnseenNumbersCollector


@dataclass(frozen=True, kw_only=True, eq=False)
class StudiedRegression:
    """What was found out about an ensemble that predicts numbers."""

    evaluation: RegressionEvaluation
    predictions: EnsemblePredictions
    #: `predictions` as the bytes of an `.npz` for storage; `evaluation.predictions_sha256` is their SHA-256.
    encoded_predictions: bytes
    unseen: UnseenNumbers | None = None
    shifted: tuple[ShiftedNumbers, ...] = ()


def study_regression(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    conditions: Conditions,
    calibration_rows: NDArray[np.int64] | None = None,
) -> StudiedRegression:
    """Evaluate an ensemble, and look at all that the conditions ask for; see `evaluate_regression`."""
    unseen = UnseenNumbersCollector(conditions.unseen, dataset.targets) if conditions.unseen is not None else None
    shifts = ShiftedNumbersCollector(dataset) if conditions.shifts else None

    def observe(index: int, on_test: NDArray[np.float32], predict: Predict) -> None:
        if unseen is not None:
            unseen.add(index, on_test, predict)
        if shifts is not None:
            shifts.add(predict)

    found = evaluate_regression(evaluator, dataset, candidates, requested, calibration_rows, observe)
    evaluation, predictions, encoded = found.evaluation, found.predictions, found.encoded_predictions
    if unseen is not None:
        predictions = dataclasses.replace(predictions, unseen=unseen.predictions())
        encoded = encode_ensemble_predictions(predictions)
        evaluation = evaluation.model_copy(update={"predictions_sha256": hashlib.sha256(encoded).hexdigest()})
    return StudiedRegression(
        evaluation=evaluation,
        predictions=predictions,
        encoded_predictions=encoded,
        unseen=None if unseen is None else unseen.scores(predictions.test),
        shifted=tuple(shifts.scores(evaluation)) if shifts is not None else (),
    )
