"""How good smaller ensembles of the same members are: what one more member brings."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Estimate, SizedEnsemble
from deepchord.shared.uncertainty import accuracy, expected_calibration_error, negative_log_likelihood

#: The most memory for the kept probabilities, in bytes; those of further members are not kept.
KEPT_BYTES = 2**26
#: The number of random orders in which the members are averaged.
ORDERS = 20
#: The largest number of ensemble sizes to score.
MOST_SIZES = 12
_INTERVAL = (0.025, 0.975)
_SCORES = (accuracy, negative_log_likelihood, expected_calibration_error)


class EnsembleSizes:
    """Keeps the probabilities of the first members, and scores the means of some of them."""

    def __init__(self, labels: NDArray[np.integer]) -> None:
        self._labels = labels
        self._kept: list[NDArray[np.float32]] = []

    def add(self, probabilities: NDArray[np.float32]) -> None:
        """Add a member's probabilities, float32 [images, classes]; later ones of a large ensemble are not kept."""
        if (len(self._kept) + 1) * probabilities.nbytes <= KEPT_BYTES:
            self._kept.append(probabilities)

    def result(self, seed: int = 0) -> tuple[SizedEnsemble, ...]:
        """Return the scores by number of members, from one to all that were kept; empty if those are fewer than two.

        Args:
            seed: Decides the orders.
        """
        if len(self._kept) < 2:
            return ()
        sizes = sorted({round(size) for size in np.geomspace(1, len(self._kept), MOST_SIZES)})
        generator = np.random.default_rng(seed)
        orders = [generator.permutation(len(self._kept)) for _ in range(ORDERS)]
        return sized_ensembles(
            ((self._kept[member] for member in order) for order in orders),
            self._labels,
            sizes,
        )


def sized_ensembles(
    orders: Iterable[Iterable[NDArray[np.float32]]], labels: NDArray[np.integer], sizes: Sequence[int]
) -> tuple[SizedEnsemble, ...]:
    """Return the mean scores of ensembles of some sizes over several orders of their members.

    Args:
        orders: Each yields one member after the other: float32 [images, classes], its probabilities.
        labels: [images], class indices.
        sizes: Numbers of members, rising; the last is at most how many members each order has.
    """
    scores = np.array([list(_scores(order, labels, sizes)) for order in orders])
    return tuple(
        SizedEnsemble(
            members=size,
            **{score.__name__: _estimate(scores[:, place, at]) for at, score in enumerate(_SCORES)},
        )
        for place, size in enumerate(sizes)
    )


def _scores(
    order: Iterable[NDArray[np.float32]], labels: NDArray[np.integer], sizes: Sequence[int]
) -> Iterator[tuple[float, ...]]:
    """Yield the scores of the mean of the first members of an order, for each of the sizes."""
    total: NDArray[np.float64] | float = 0.0
    for size, probabilities in enumerate(order, start=1):
        total = total + probabilities.astype(np.float64)
        if size in sizes:
            mean = total / size
            yield tuple(score(mean, labels) for score in _SCORES)


def _estimate(values: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(values, _INTERVAL)
    mean = float(values.mean())
    return Estimate(value=mean, low=min(mean, float(low)), high=max(mean, float(high)))
