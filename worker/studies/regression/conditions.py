"""What members that predict numbers together make of rows unlike the others, and of shifted test images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset, Images
from deepchord.shared.messages import (
    SHIFT_KINDS,
    STRENGTHS,
    MemberDetection,
    RegressionEvaluation,
    ShiftedNumbers,
    ShiftKind,
    ShortNumberScores,
    Target,
    UnseenNumbers,
)
from deepchord.shared.regression import (
    LEVELS,
    Predictions,
    RunningMixture,
    coverage,
    gaussian_losses,
    means_and_variances,
    normal_half_width,
    standardised,
)
from deepchord.worker.evaluation import Predict
from deepchord.worker.studies.conditions import check_memory, detected
from deepchord.worker.studies.shifts import shifted_parts


class UnseenNumbersCollector:
    """Collects what the members predict of images or rows unlike those of the training, one member after the other."""

    def __init__(self, images: Images, targets: Sequence[Target]) -> None:
        self._images, self._targets = images, targets
        self._mixture = RunningMixture(len(images.pixels), len(targets))
        self._members: list[MemberDetection] = []

    def add(self, index: int, on_test: NDArray[np.float32], predict: Predict) -> None:
        """Add a member.

        Args:
            index: Its index.
            on_test: float32 [test_size, 2 targets], its outputs for the test.
            predict: Returns its outputs for any images or rows.
        """
        on_unseen = predict(self._images.pixels)
        self._mixture.add(on_unseen)
        known, unknown = (means_and_variances(outputs)[1].mean(axis=1) for outputs in (on_test, on_unseen))
        own = detected("total_variance", known, unknown)
        self._members.append(MemberDetection(index=index, detection=(own,)))

    def predictions(self) -> Predictions:
        """Return what all members together predict, in the targets' own units."""
        return self._mixture.result().in_units(self._targets)

    def scores(self, of_test: Predictions) -> UnseenNumbers:
        """Return how well the images or rows are told from those of the test.

        Args:
            of_test: What the ensemble predicts of the test, in the targets' own units.
        """
        scales = np.array([target.scale for target in self._targets])
        known, unknown = of_test.variances(scales), self.predictions().variances(scales)
        return UnseenNumbers(
            name=self._images.name,
            images=len(self._images.pixels),
            deviation=float(np.sqrt(unknown.total.mean())),
            test_deviation=float(np.sqrt(known.total.mean())),
            detection=(
                detected("total_variance", known.total, unknown.total),
                detected("epistemic_variance", known.epistemic, unknown.epistemic),
                detected("aleatoric_variance", known.aleatoric, unknown.aleatoric),
            ),
            members=tuple(sorted(self._members, key=lambda member: member.index)),
        )


@dataclass(kw_only=True, eq=False)
class _Shift:
    """The sums over the members for one kind and strength."""

    kind: ShiftKind
    strength: int
    mixture: RunningMixture
    #: Sums of the members' own scores; see `_values`.
    members: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2 + len(LEVELS)))


class ShiftedNumbersCollector:
    """Collects what the members predict of shifted test images; see `ShiftCollector`."""

    def __init__(self, dataset: Dataset) -> None:
        """Create a collector.

        Raises:
            InputError: There is too little memory for the sums.
        """
        size, targets = dataset.y_test.shape
        check_memory(3 * 8 * size * targets * len(SHIFT_KINDS) * STRENGTHS, dataset, f"{targets:,} numbers")
        self._dataset, self._actual = dataset, standardised(dataset.y_test, dataset.targets)
        values = dataset.pixels
        self._low, self._high = (0.0, 255.0) if values.type == "uint8" else (values.lowest, values.highest)
        self._shifts = [
            _Shift(kind=kind, strength=strength, mixture=RunningMixture(size, targets))
            for kind, strength in product(SHIFT_KINDS, range(1, STRENGTHS + 1))
        ]
        self._members = 0

    def add(self, predict: Predict) -> None:
        """Add a member."""
        self._members += 1
        for shift in self._shifts:
            parts = shifted_parts(self._dataset.x_test, shift.kind, shift.strength, self._low, self._high)
            outputs = np.concatenate([predict(part) for part in parts])
            shift.mixture.add(outputs)
            alone = RunningMixture(*self._actual.shape)
            alone.add(outputs)
            shift.members += self._values(alone.result())

    def scores(self, evaluation: RegressionEvaluation) -> Iterator[ShiftedNumbers]:
        """Yield the scores by kind and strength, with the scaling and the intervals of an evaluation."""
        scaling = evaluation.scaling
        for shift in self._shifts:
            mixture = shift.mixture.result()
            scaled = None if scaling is None else mixture.scaled(scaling.factors)
            yield ShiftedNumbers(
                kind=shift.kind,
                strength=shift.strength,
                members=_short_scores(shift.members / self._members),
                mean=_short_scores(self._values(mixture)),
                scaled=None if scaled is None else _short_scores(self._values(scaled)),
                conformal_coverage=self._conformal(mixture, evaluation),
            )

    def _values(self, predicted: Predictions) -> NDArray[np.float64]:
        """Return error, loss, and the coverage of each level, in this order."""
        losses = gaussian_losses(predicted.mean, predicted.variance, self._actual)
        error = np.sqrt(((self._actual - predicted.mean) ** 2).mean())
        deviations = self._deviations(predicted)
        return np.array([error, losses.mean(), *((deviations <= normal_half_width(level)).mean() for level in LEVELS)])

    def _conformal(self, predicted: Predictions, evaluation: RegressionEvaluation) -> tuple[float, ...]:
        deviations = self._deviations(predicted)
        return tuple(
            float(np.mean([coverage(deviations[:, at], width) for at, width in enumerate(each.half_widths)]))
            for each in evaluation.intervals
            if each.method == "conformal"
        )

    def _deviations(self, predicted: Predictions) -> NDArray[np.float64]:
        return np.asarray(np.abs(self._actual - predicted.mean) / predicted.standard_deviation)


def _short_scores(values: NDArray[np.float64]) -> ShortNumberScores:
    error, loss, *covered = values.tolist()
    return ShortNumberScores(root_mean_squared_error=error, negative_log_likelihood=loss, coverage=tuple(covered))
