"""Evaluates an ensemble that predicts numbers: members predict all rows, then their mixture is scored."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import EnsemblePredictions, encode_ensemble_predictions
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import (
    QuantileCalibration,
    RegressionEvaluation,
    RegressionMember,
    Target,
    TargetScores,
)
from deepchord.shared.regression import (
    QUANTILE_LEVELS,
    Predictions,
    RunningMixture,
    score_targets,
    shares_below,
    standardised,
)
from deepchord.worker.evaluation.candidates import Candidate, Evaluator, MemberPredictors, Observe, parity
from deepchord.worker.evaluation.regression.held_out_rows import HeldOutRows
from deepchord.worker.evaluation.regression.sizes import RegressionSizes


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedRegression:
    """An evaluation, and the predictions that it scores."""

    evaluation: RegressionEvaluation
    #: `predictions` as the bytes of an `.npz` for storage; `evaluation.predictions_sha256` is their SHA-256.
    encoded_predictions: bytes
    predictions: EnsemblePredictions


def evaluate_regression(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    calibration_rows: NDArray[np.int64] | None = None,
    observe: Observe | None = None,
) -> EvaluatedRegression:
    """Evaluate an ensemble on all training and test rows; one member's weights are in memory at a time.

    Args:
        evaluator: The engine that predicts.
        dataset: The images or rows, and the numbers to predict.
        candidates: The members, at least one.
        requested: How many members were asked for.
        calibration_rows: Indices of the training rows that no member was trained on; None: there are none.
        observe: Called once for each member; None: nobody is told.

    Raises:
        CheckpointError: A member's weights give NaN instead of numbers; the message names the member.
    """
    started = time.monotonic()
    predictors = MemberPredictors(evaluator)
    collector = _Collector(dataset, calibration_rows)
    for candidate in candidates:
        predict_rows = predictors.prediction(candidate)
        on_train, on_test = predict_rows(dataset.x_train), predict_rows(dataset.x_test)
        held_out = candidate.held_out() if candidate.held_out is not None else None
        collector.add(candidate, on_train, on_test, held_out)
        if observe is not None:
            observe(candidate.index, on_test, predict_rows)
        evaluator.advance()
    predictions = collector.predictions()
    encoded = encode_ensemble_predictions(predictions)
    evaluation = RegressionEvaluation(
        requested=requested,
        trained=len(collector.members),
        evaluator=evaluator.trainer,
        evaluated_at=datetime.now(UTC),
        duration_s=time.monotonic() - started,
        predictions_sha256=hashlib.sha256(encoded).hexdigest(),
        **collector.measured(predictions),
    )
    return EvaluatedRegression(evaluation=evaluation, encoded_predictions=encoded, predictions=predictions)


class _Collector:
    """Collects from one member after the other; only sums are kept, and the first members' outputs for the test."""

    def __init__(self, dataset: Dataset, calibration_rows: NDArray[np.int64] | None) -> None:
        self._dataset, self._targets = dataset, dataset.targets
        self._train = RunningMixture(len(dataset.x_train), len(dataset.targets))
        self._test = RunningMixture(len(dataset.x_test), len(dataset.targets))
        self._held_out = HeldOutRows(standardised(dataset.y_train, dataset.targets), calibration_rows)
        self._sizes = RegressionSizes(standardised(dataset.y_test, dataset.targets))
        self.members: list[RegressionMember] = []

    def add(
        self,
        candidate: Candidate,
        on_train: NDArray[np.float32],
        on_test: NDArray[np.float32],
        held_out: NDArray[np.int64] | None,
    ) -> None:
        """Add a member's outputs for the training and the test rows, and which training rows it held out."""
        self._train.add(on_train)
        self._test.add(on_test)
        self._held_out.add(on_train, held_out)
        self._sizes.add(on_test)
        self.members.append(
            RegressionMember(
                index=candidate.index,
                train=self._scores(on_train, self._dataset.y_train),
                test=self._scores(on_test, self._dataset.y_test),
                parity=parity(candidate, on_test),
            )
        )

    def predictions(self) -> EnsemblePredictions:
        """Return what all members together predict, in the targets' own units."""
        return EnsemblePredictions(
            train=self._train.result().in_units(self._targets), test=self._test.result().in_units(self._targets)
        )

    def measured(self, predictions: EnsemblePredictions) -> dict[str, object]:
        """Return the fields of a `RegressionEvaluation` that follow from the predictions."""
        test, actual = predictions.test, self._dataset.y_test
        scaling = self._held_out.scaling(len(self.members))
        scaled = None if scaling is None else test.scaled(scaling.factors)
        return {
            "members": tuple(sorted(self.members, key=lambda member: member.index)),
            "train": score_targets(predictions.train, self._dataset.y_train),
            "test": score_targets(test, actual),
            "scaling": scaling,
            "scaled_test": () if scaled is None else score_targets(scaled, actual),
            "intervals": self._held_out.intervals(scaling, test, actual),
            "quantiles": _quantiles(test, scaled, actual),
            "by_size": self._sizes.result(),
            "next_member": self._held_out.next_member(len(self.members)),
        }

    def _scores(self, outputs: NDArray[np.float32], actual: NDArray[np.float64]) -> tuple[TargetScores, ...]:
        return score_targets(_alone(outputs, self._targets), actual)


def _alone(outputs: NDArray[np.float32], targets: Sequence[Target]) -> Predictions:
    """Return what one member predicts by itself, in the targets' own units."""
    mixture = RunningMixture(len(outputs), len(targets))
    mixture.add(outputs)
    return mixture.result().in_units(targets)


def _quantiles(
    predicted: Predictions, scaled: Predictions | None, actual: NDArray[np.float64]
) -> tuple[QuantileCalibration, ...]:
    errors = (actual - predicted.mean) / predicted.standard_deviation
    scaled_errors = None if scaled is None else (actual - scaled.mean) / scaled.standard_deviation
    return tuple(
        QuantileCalibration(
            level=level,
            observed=tuple(shares_below(errors, level).tolist()),
            scaled_observed=() if scaled_errors is None else tuple(shares_below(scaled_errors, level).tolist()),
        )
        for level in QUANTILE_LEVELS
    )
