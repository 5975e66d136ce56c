"""How good smaller ensembles of the same members predict labels: what one more member brings."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import SizedMultilabel
from deepchord.shared.multilabel import label_losses
from deepchord.worker.evaluation.ensemble_sizes import KEPT_BYTES, MOST_SIZES, ORDERS


class MultilabelSizes:
    """Keeps the probabilities of the first members for the test rows, and scores the means of some of them."""

    def __init__(self, labels: NDArray[np.integer]) -> None:
        """Create a keeper.

        Args:
            labels: [test_size, labels], 1 for labels that apply and else 0.
        """
        self._labels = labels
        self._kept: list[NDArray[np.float32]] = []

    def add(self, probabilities: NDArray[np.float32]) -> None:
        """Add a member's probabilities, float32 [test_size, labels]; later ones of a large ensemble are not kept."""
        if (len(self._kept) + 1) * probabilities.nbytes <= KEPT_BYTES:
            self._kept.append(probabilities)

    def result(self, seed: int = 0) -> tuple[SizedMultilabel, ...]:
        """Return the scores by number of members, from one to all that were kept; empty if those are fewer than two.

        Args:
            seed: Decides the orders of the members.
        """
        if len(self._kept) < 2:
            return ()
        sizes = sorted({round(size) for size in np.geomspace(1, len(self._kept), MOST_SIZES)})
        generator = np.random.default_rng(seed)
        scores = np.array([self._scores(generator.permutation(len(self._kept)), sizes) for _ in range(ORDERS)])
        losses, matches = scores.mean(axis=0).T
        return tuple(
            SizedMultilabel(members=size, negative_log_likelihood=float(loss), exact_match=min(1.0, float(match)))
            for size, loss, match in zip(sizes, losses, matches, strict=True)
        )

    def _scores(self, order: NDArray[np.integer], sizes: list[int]) -> list[tuple[float, float]]:
        """Return loss and exact match of the means of the first members of an order, for each of the sizes."""
        total, scores = np.zeros(self._labels.shape), []
        for size, member in enumerate(order, start=1):
            total += self._kept[member]
            if size in sizes:
                found = label_losses(total / size, self._labels)
                scores.append((found.negative_log_likelihood, found.exact_match))
        return scores
