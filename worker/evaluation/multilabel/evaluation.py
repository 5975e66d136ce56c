"""Evaluates an ensemble that predicts labels: members predict all rows, then the mean of them is scored."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import EnsembleLabels, encode_ensemble_labels
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import Calibration, MultilabelEvaluation, MultilabelMember
from deepchord.shared.multilabel import (
    RunningLabels,
    fit_label_temperature,
    label_bins,
    label_losses,
    label_results,
    score_labels,
    with_label_temperature,
)
from deepchord.worker.evaluation.candidates import Candidate, Evaluator, MemberPredictors, Observe, parity
from deepchord.worker.evaluation.held_out import HeldOut
from deepchord.worker.evaluation.multilabel.sizes import MultilabelSizes


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedMultilabel:
    """An evaluation, and the probabilities that it scores."""

    evaluation: MultilabelEvaluation
    #: `probabilities` as the bytes of an `.npz` for storage; `evaluation.probabilities_sha256` is their SHA-256.
    encoded_probabilities: bytes
    probabilities: EnsembleLabels


def evaluate_multilabel(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    calibration_rows: NDArray[np.int64] | None = None,
    observe: Observe | None = None,
) -> EvaluatedMultilabel:
    """Evaluate an ensemble on all training and test rows; one member's weights are in memory at a time.

    Args:
        evaluator: The engine that predicts.
        dataset: The images or rows, and which labels apply.
        candidates: The members, at least one.
        requested: How many members were asked for.
        calibration_rows: Indices of the training rows that no member was trained on; None: there are none.
        observe: Called once for each member; None: nobody is told.

    Raises:
        CheckpointError: A member's weights give NaN instead of probabilities; the message names the member.
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
    calibration = collector.calibration()
    probabilities = collector.probabilities(calibration)
    encoded = encode_ensemble_labels(probabilities)
    evaluation = MultilabelEvaluation(
        requested=requested,
        trained=len(collector.members),
        evaluator=evaluator.trainer,
        evaluated_at=datetime.now(UTC),
        duration_s=time.monotonic() - started,
        members=tuple(sorted(collector.members, key=lambda member: member.index)),
        calibration=calibration,
        by_size=collector.sizes.result(),
        probabilities_sha256=hashlib.sha256(encoded).hexdigest(),
        **_measured(probabilities, dataset),
    )
    return EvaluatedMultilabel(evaluation=evaluation, encoded_probabilities=encoded, probabilities=probabilities)


def _measured(probabilities: EnsembleLabels, dataset: Dataset) -> dict[str, object]:
    """Return the fields of a `MultilabelEvaluation` that follow from the probabilities of the ensemble."""
    test, actual = probabilities.test, dataset.y_test
    found: dict[str, object] = {
        "train": label_losses(probabilities.train, dataset.y_train),
        "test": score_labels(test, actual),
        "labels": label_results(test, actual),
        "reliability": label_bins(test, actual),
    }
    calibrated = probabilities.calibrated_test
    if calibrated is None:
        return found
    return found | {
        "calibrated_test": score_labels(calibrated, actual),
        "calibrated_labels": label_results(calibrated, actual),
        "calibrated_reliability": label_bins(calibrated, actual),
    }


class _Collector:
    """Collects from one member after the other; only sums are kept, and the first members' test probabilities."""

    def __init__(self, dataset: Dataset, calibration_rows: NDArray[np.int64] | None) -> None:
        labels = len(dataset.label_names)
        self._dataset = dataset
        self._calibration_rows = np.empty(0, np.int64) if calibration_rows is None else calibration_rows
        self._train = RunningLabels(len(dataset.x_train), labels)
        self._test = RunningLabels(len(dataset.x_test), labels)
        self._held_out: HeldOut | None = None
        self.sizes = MultilabelSizes(dataset.y_test)
        self.members: list[MultilabelMember] = []

    def add(
        self,
        candidate: Candidate,
        on_train: NDArray[np.float32],
        on_test: NDArray[np.float32],
        held_out: NDArray[np.int64] | None,
    ) -> None:
        """Add a member's probabilities for the training and the test rows, and which training rows it held out."""
        self._train.add(on_train)
        self._test.add(on_test)
        self.sizes.add(on_test)
        rows = self._calibration_rows if len(self._calibration_rows) else held_out
        if rows is not None:
            self._held_out = self._held_out or HeldOut(*on_train.shape)
            self._held_out.add(rows, on_train[rows])
        difference = parity(candidate, on_test)
        self.members.append(
            MultilabelMember(
                index=candidate.index,
                train=label_losses(on_train, self._dataset.y_train),
                test=score_labels(on_test, self._dataset.y_test),
                parity=None if difference is None else min(1.0, difference),
            )
        )

    def calibration(self) -> Calibration | None:
        """Return the temperature that rows tell which members held out; None: none did.

        Either all members hold out the same rows, for the calibration, or each its own, for its validation.
        """
        if self._held_out is None:
            return None
        rows = self._held_out.images()
        actual, members = self._dataset.y_train[rows], len(self.members)
        fitted = fit_label_temperature(self._held_out.mean(rows), actual)
        return Calibration(
            source="calibration_images" if len(self._calibration_rows) else "out_of_bag",
            temperature=self._held_out.extrapolated(rows, actual, fitted, members, fit_label_temperature),
            images=len(rows),
            members_per_image=self._held_out.members_per_image(rows),
            fitted_temperature=fitted,
        )

    def probabilities(self, calibration: Calibration | None) -> EnsembleLabels:
        """Return what all members together predict."""
        test = self._test.mean()
        return EnsembleLabels(
            train=self._train.mean(),
            test=test,
            calibrated_test=None if calibration is None else with_label_temperature(test, calibration.temperature),
            test_uncertainty=self._test.result(),
        )
