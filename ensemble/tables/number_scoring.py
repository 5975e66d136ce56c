"""Scores of predicted numbers whose actual ones are known, summed up lot by lot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.shared.messages import TargetScores
from deepchord.shared.regression import Predictions, score_targets

_MEANS = ("mean_absolute_error", "negative_log_likelihood", "continuous_ranked_probability_score")


@dataclass(frozen=True, kw_only=True)
class NumberScores:
    """How good the predictions of one target are, on the rows whose number is known."""

    target: str
    rows: int
    scores: TargetScores
    #: The share of the rows that lie in the intervals of each level.
    coverage: dict[float, float]


class RunningNumberScores:
    """Sums up scores over lots of rows; its memory does not grow with them."""

    def __init__(self, target_names: Sequence[str], levels: Sequence[float]) -> None:
        """Create sums.

        Args:
            target_names: The name of each target.
            levels: The levels of the intervals that are counted.
        """
        self._levels = tuple(levels)
        self._sums = [_TargetSums(name, self._levels) for name in target_names]

    def add(self, prediction: RegressionPrediction, actual: NDArray[np.float64]) -> None:
        """Add some rows; the numbers, [rows, targets], that are NaN do not count."""
        bounds = [prediction.intervals(level) for level in self._levels]
        for target, sums in enumerate(self._sums):
            known = np.flatnonzero(~np.isnan(actual[:, target]))
            if len(known) == 0:
                continue
            column, numbers = (known[:, None], [target]), actual[known, target]
            predictions = Predictions(
                mean=prediction.mean[column],
                aleatoric_variance=prediction.aleatoric_standard_deviation[column] ** 2,
                epistemic_variance=prediction.epistemic_standard_deviation[column] ** 2,
            )
            inside = [
                int(((lower[known, target] <= numbers) & (numbers <= upper[known, target])).sum())
                for lower, upper in bounds
            ]
            sums.add(score_targets(predictions, numbers[:, None])[0], numbers, inside)

    def result(self) -> tuple[NumberScores, ...]:
        """Return the scores of each target of which a number is known."""
        return tuple(sums.result() for sums in self._sums if sums.rows)


class _TargetSums:
    """The sums of one target."""

    def __init__(self, name: str, levels: tuple[float, ...]) -> None:
        self._name = name
        self._levels = levels
        self.rows = 0
        self._means = dict.fromkeys(_MEANS, 0.0)
        self._squared = 0.0
        #: The mean of the actual numbers, and the sum of the squares of their distances from it.
        self._mean, self._around_mean = 0.0, 0.0
        self._inside = np.zeros(len(levels), dtype=np.int64)

    def add(self, scores: TargetScores, numbers: NDArray[np.float64], inside: Sequence[int]) -> None:
        """Add the scores of some rows."""
        count, mean = len(numbers), float(numbers.mean())
        for name in _MEANS:
            self._means[name] += count * getattr(scores, name)
        self._squared += count * scores.root_mean_squared_error**2
        self._inside += np.array(inside, dtype=np.int64)
        # Chan, Golub and LeVeque 1983, eq. 2.1: nothing is lost where the mean is far from 0.
        between = (mean - self._mean) ** 2 * self.rows * count / (self.rows + count)
        self._around_mean += float(((numbers - mean) ** 2).sum()) + between
        self._mean += (mean - self._mean) * count / (self.rows + count)
        self.rows += count

    def result(self) -> NumberScores:
        """Return the scores of all rows."""
        scores = TargetScores(
            root_mean_squared_error=float(np.sqrt(self._squared / self.rows)),
            r_squared=1 - self._squared / self._around_mean if self._around_mean > 0 else None,
            **{name: value / self.rows for name, value in self._means.items()},
        )
        coverage = {
            level: int(count) / self.rows for level, count in zip(self._levels, self._inside.tolist(), strict=True)
        }
        return NumberScores(target=self._name, rows=self.rows, scores=scores, coverage=coverage)
