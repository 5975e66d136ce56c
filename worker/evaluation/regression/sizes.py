"""How good smaller ensembles of the same members predict numbers: what one more member brings."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import SizedRegression
from deepchord.shared.regression import RunningMixture, gaussian_losses
from deepchord.worker.evaluation.ensemble_sizes import KEPT_BYTES, MOST_SIZES, ORDERS


class RegressionSizes:
    """Keeps the outputs of the first members for the test rows, and scores the mixtures of some of them."""

    def __init__(self, actual: NDArray[np.float64]) -> None:
        """Create a keeper.

        Args:
            actual: [test_size, targets], the standardised numbers.
        """
        self._actual = actual
        self._kept: list[NDArray[np.float32]] = []

    def add(self, outputs: NDArray[np.float32]) -> None:
        """Add a member's outputs, float32 [test_size, 2 targets]; later ones of a large ensemble are not kept."""
        if (len(self._kept) + 1) * outputs.nbytes <= KEPT_BYTES:
            self._kept.append(outputs)

    def result(self, seed: int = 0) -> tuple[SizedRegression, ...]:
        """Return the scores by number of members, from one to all that were kept; empty if those are fewer than two.

        Args:
            seed: Decides the orders of the members.
        """
        if len(self._kept) < 2:
            return ()
        sizes = sorted({round(size) for size in np.geomspace(1, len(self._kept), MOST_SIZES)})
        generator = np.random.default_rng(seed)
        scores = np.array([self._scores(generator.permutation(len(self._kept)), sizes) for _ in range(ORDERS)])
        losses, errors = scores.mean(axis=0).T
        return tuple(
            SizedRegression(members=size, negative_log_likelihood=float(loss), root_mean_squared_error=float(error))
            for size, loss, error in zip(sizes, losses, errors, strict=True)
        )

    def _scores(self, order: NDArray[np.integer], sizes: list[int]) -> list[tuple[float, float]]:
        """Return loss and error of the mixtures of the first members of an order, for each of the sizes."""
        mixture, scores = RunningMixture(*self._actual.shape), []
        for size, member in enumerate(order, start=1):
            mixture.add(self._kept[member])
            if size in sizes:
                found = mixture.result()
                loss = gaussian_losses(found.mean, found.variance, self._actual).mean()
                error = np.sqrt(((self._actual - found.mean) ** 2).mean())
                scores.append((float(loss), float(error)))
        return scores
