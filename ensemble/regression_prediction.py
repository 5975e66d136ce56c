"""The numbers that an ensemble predicts for images or rows, and how far they can be trusted."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.half_widths import HalfWidths, IntervalMethod
from deepchord.ensemble.rowwise import cut, freeze
from deepchord.shared.messages import TargetScores
from deepchord.shared.regression import Predictions, score_targets


@dataclass(frozen=True, kw_only=True, eq=False)
class RegressionPrediction:
    """The numbers that an ensemble predicts, in the targets' own units; arrays are read-only, float64 [rows, targets].

    Standard deviations are those of the mixture of the members' normal distributions (Lakshminarayanan et al. 2017,
    section 2.4), scaled by the factor that the run has fitted on held-out rows, if it has one.
    """

    #: The mean of the members' means.
    mean: NDArray[np.float64]
    #: The total: the root of the sum of the squares of the next two.
    standard_deviation: NDArray[np.float64]
    #: The noise that the members see in the data, which no further member lowers.
    aleatoric_standard_deviation: NDArray[np.float64]
    #: What the members do not agree on: large where the training had few rows like these.
    epistemic_standard_deviation: NDArray[np.float64]
    #: The mean of each member, [members, rows, targets]; None: not asked for.
    members: NDArray[np.float64] | None = None
    #: The name of each target.
    target_names: tuple[str, ...]
    #: How far intervals reach.
    half_widths: HalfWidths = field(repr=False)

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.mean)

    def intervals(
        self, level: float = 0.9, *, method: IntervalMethod | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and the upper ends of intervals that hold the actual numbers with a probability.

        Args:
            level: The probability, between 0 and 1.
            method: `conformal`, for the levels of the run's evaluation (0.5, 0.8, 0.9, 0.95): as wide as held-out rows
                needed. `scaled` and `predicted`, for any level: those of the normal distribution with the scaled
                variance, and with the members' own. None: the first of them that there is; `interval_method` tells it.

        Returns:
            Two arrays [rows, targets]; infinite where the run held out too few rows for a bound.

        Raises:
            InputError: The level is no probability, or the run has no such intervals.
        """
        reach = self.half_widths.find(level, method) * self.standard_deviation
        return self.mean - reach, self.mean + reach

    def interval_method(self, level: float = 0.9) -> IntervalMethod:
        """Return the method of the intervals of a level, if none is asked for."""
        return self.half_widths.method(level)

    def scores(self, actual: NDArray[np.floating]) -> tuple[TargetScores, ...]:
        """Return the scores of each target, as `deepchord.shared.regression.score_targets` defines them.

        Args:
            actual: The actual numbers, [rows, targets].
        """
        predictions = Predictions(
            mean=self.mean,
            aleatoric_variance=self.aleatoric_standard_deviation**2,
            epistemic_variance=self.epistemic_standard_deviation**2,
        )
        return score_targets(predictions, actual)

    def rows(self, start: int, stop: int) -> "RegressionPrediction":
        """Return the prediction of the rows from `start` up to, not including, `stop`."""
        return cut(self, start, stop)
