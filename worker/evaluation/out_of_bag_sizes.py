"""How good smaller ensembles are on training images, each predicted by the members that held it out."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import SizedEnsemble
from deepchord.worker.evaluation.ensemble_sizes import KEPT_BYTES, ORDERS, sized_ensembles

#: The largest ensemble that is scored: of an image no more members' probabilities are kept, the first ones.
_MOST_MEMBERS = 12
#: Of more images than this a random sample is kept: its scores tell enough, and it takes a hundredth of the evaluation.
_MOST_IMAGES = 20_000


class OutOfBagSizes:
    """Keeps the probabilities of images by members that held them out, and scores the means of some of them.

    Every image is held out by other members. So a random order of all members is an order of an image's own ones, and
    an ensemble of k members is, for each image, the first k of its own. Images that fewer members held out than the
    largest of these ensembles has are left out, so that all sizes are scored on the same images.
    """

    def __init__(self, labels: NDArray[np.integer], classes: int) -> None:
        """Create an empty collection.

        Args:
            labels: [training images], class indices.
            classes: How many classes there are.
        """
        affordable = KEPT_BYTES // (_MOST_MEMBERS * classes * np.dtype(np.float32).itemsize)
        kept = max(1, min(len(labels), _MOST_IMAGES, affordable))
        chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:kept])
        self._labels, self._classes = labels[chosen], classes
        #: Of each training image its place among the kept ones; -1: it is not kept.
        self._places = np.full(len(labels), -1, dtype=np.int64)
        self._places[chosen] = np.arange(kept)
        self._counts = np.zeros(kept, dtype=np.int64)
        #: The first, second … members of the images: which they are, and their probabilities.
        self._members: list[NDArray[np.int64]] = []
        self._probabilities: list[NDArray[np.float32]] = []
        self._added = 0

    def add(self, held_out: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        """Add a member.

        Args:
            held_out: [held-out images], the indices of the training images that it held out.
            probabilities: float32 [held-out images, classes], its probabilities of them.
        """
        places = self._places[held_out]
        is_kept = places >= 0
        is_kept[is_kept] = self._counts[places[is_kept]] < _MOST_MEMBERS
        places, kept = places[is_kept], probabilities[is_kept]
        ranks = self._counts[places]
        for rank in np.unique(ranks).tolist():
            if rank == len(self._members):
                self._members.append(np.zeros(len(self._counts), dtype=np.int64))
                self._probabilities.append(np.zeros((len(self._counts), self._classes), dtype=np.float32))
            self._members[rank][places[ranks == rank]] = self._added
            self._probabilities[rank][places[ranks == rank]] = kept[ranks == rank]
        self._counts[places] += 1
        self._added += 1

    def result(self, seed: int = 0) -> tuple[SizedEnsemble, ...]:
        """Return the scores by number of members, from one to as many as enough images were held out by.

        Empty if no image was held out by two. Enough are half of the images that two or more members held out.

        Args:
            seed: Decides the orders.
        """
        by_two = int((self._counts >= 2).sum())
        if by_two == 0:
            return ()
        largest = max(size for size in range(2, len(self._members) + 1) if 2 * (self._counts >= size).sum() >= by_two)
        images = np.flatnonzero(self._counts >= largest)
        generator = np.random.default_rng(seed)
        orders = (self._ordered(images, largest, generator.permutation(self._added)) for _ in range(ORDERS))
        return sized_ensembles(orders, self._labels[images], range(1, largest + 1))

    def _ordered(
        self, images: NDArray[np.int64], largest: int, order: NDArray[np.int64]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the probabilities by each image's first member in an order of all members, then by its second one."""
        turns = np.argsort(order, kind="stable")
        of_kept = [
            np.where(self._counts[images] > rank, turns[members[images]], self._added)
            for rank, members in enumerate(self._members)
        ]
        for ranks in np.argsort(of_kept, axis=0, kind="stable")[:largest]:
            probabilities = np.empty((len(images), self._classes), dtype=np.float32)
            for rank, of_rank in enumerate(self._probabilities):
                probabilities[ranks == rank] = of_rank[images[ranks == rank]]
            yield probabilities
