"""The members' normal distributions as one prediction: their mixture, of which mean and variance are taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Target
from deepchord.shared.regression.gaussians import means_and_variances


@dataclass(frozen=True, kw_only=True, eq=False)
class Variances:
    """How uncertain an ensemble is about each row, over all targets; all arrays are float64 [size]."""

    total: NDArray[np.float64]
    epistemic: NDArray[np.float64]
    aleatoric: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What an ensemble predicts for some rows; all arrays are float64 [size, targets]."""

    mean: NDArray[np.float64]
    #: The mean of the members' variances: noise in the data, which no further member lowers.
    aleatoric_variance: NDArray[np.float64]
    #: The variance of the members' means: what they do not agree on.
    epistemic_variance: NDArray[np.float64]

    @property
    def variance(self) -> NDArray[np.float64]:
        """The variance of the mixture (Lakshminarayanan et al. 2017, section 2.4)."""
        return self.aleatoric_variance + self.epistemic_variance

    @property
    def standard_deviation(self) -> NDArray[np.float64]:
        """The square root of the variance."""
        return np.sqrt(self.variance)

    def variances(self, scales: NDArray[np.float64]) -> Variances:
        """Return the variances of each row, the mean over the targets, each in its standard deviations.

        Args:
            scales: The standard deviation of each target in the training rows, [targets].
        """
        epistemic, aleatoric = (
            np.asarray((variance / scales**2).mean(axis=1))
            for variance in (self.epistemic_variance, self.aleatoric_variance)
        )
        return Variances(total=epistemic + aleatoric, epistemic=epistemic, aleatoric=aleatoric)

    def rows(self, chosen: NDArray[np.integer]) -> "Predictions":
        """Return the predictions for some of the rows."""
        return Predictions(
            mean=self.mean[chosen],
            aleatoric_variance=self.aleatoric_variance[chosen],
            epistemic_variance=self.epistemic_variance[chosen],
        )

    def scaled(self, factors: Sequence[float]) -> "Predictions":
        """Return the predictions with the variances of each target multiplied by its factor."""
        return Predictions(
            mean=self.mean,
            aleatoric_variance=self.aleatoric_variance * np.asarray(factors),
            epistemic_variance=self.epistemic_variance * np.asarray(factors),
        )

    def in_units(self, targets: Sequence[Target]) -> "Predictions":
        """Return standardised predictions in the units of the targets."""
        means, scales = (np.array([getattr(target, name) for target in targets]) for name in ("mean", "scale"))
        return Predictions(
            mean=self.mean * scales + means,
            aleatoric_variance=self.aleatoric_variance * scales**2,
            epistemic_variance=self.epistemic_variance * scales**2,
        )


class RunningMixture:
    """The mixture of members that predict some rows each, one member in memory at a time."""

    def __init__(self, size: int, targets: int) -> None:
        self._sums = np.zeros((3, size, targets), dtype=np.float64)
        self._members = np.zeros(size, dtype=np.int64)

    def add(self, outputs: NDArray[np.floating], rows: NDArray[np.integer] | None = None) -> None:
        """Add a member.

        Args:
            outputs: Its outputs, [rows, 2 targets].
            rows: Which rows these are; None: all.
        """
        means, variances = means_and_variances(outputs)
        which = slice(None) if rows is None else rows
        self._sums[0, which] += means
        self._sums[1, which] += means**2
        self._sums[2, which] += variances
        self._members[which] += 1

    @property
    def members(self) -> NDArray[np.int64]:
        """How many members have predicted each row, [size]."""
        return self._members

    def result(self, rows: NDArray[np.integer] | None = None) -> Predictions:
        """Return the predictions for rows that at least one member predicted; None: for all."""
        which = slice(None) if rows is None else rows
        mean, of_squares, variance = self._sums[:, which] / self._members[which][:, None]
        # Rounding may leave a little less than 0 where all members agree.
        spread = np.maximum(0.0, of_squares - mean**2)
        return Predictions(mean=mean, aleatoric_variance=variance, epistemic_variance=spread)
