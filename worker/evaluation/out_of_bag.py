"""Out-of-bag probabilities: of each training image by the members that held it out, and the temperature from them."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Calibration
from deepchord.shared.uncertainty import extrapolate_temperature, fit_temperature

#: The temperature of smaller ensembles is extrapolated only from at least so many images.
_FEWEST_TO_EXTRAPOLATE = 2_000


class OutOfBag:
    """Accumulates the probabilities of training images by members that held them out, one member at a time.

    They are summed in two halves: the members that held an image out go to the one and to the other in turn. So there
    are ensembles of two sizes, one half and both, without any further array.
    """

    def __init__(self, images: int, classes: int) -> None:
        self._sums = np.zeros((2, images, classes), dtype=np.float64)
        self._members = np.zeros((2, images), dtype=np.int32)

    def add(self, held_out: NDArray[np.int64], probabilities: NDArray[np.floating]) -> None:
        """Add a member.

        Args:
            held_out: [held-out images], the indices of the training images that it held out.
            probabilities: [held-out images, classes], its probabilities of them.
        """
        half = np.where(self._members[0, held_out] > self._members[1, held_out], 1, 0)
        self._sums[half, held_out] += probabilities
        self._members[half, held_out] += 1

    def images(self) -> NDArray[np.int64]:
        """Return the indices of the images that are calibrated on.

        Those that at least two members held out, if they are enough to extrapolate from; else all that any held out.
        """
        by_two = np.flatnonzero(self._members.all(axis=0))
        return by_two if len(by_two) >= _FEWEST_TO_EXTRAPOLATE else np.flatnonzero(self._members.any(axis=0))

    def mean(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean probabilities of images, float32 [images, classes]."""
        members = self._members[:, images].sum(axis=0)
        return np.asarray(self._sums[:, images].sum(axis=0) / members[:, None], dtype=np.float32)

    def calibration(self, labels: NDArray[np.integer], members: int) -> Calibration:
        """Return the temperature of the ensemble, after at least one member was added.

        Where enough images were held out by at least two members, it is extrapolated from one half of these members and
        from all of them to the number of members of the ensemble.

        Args:
            labels: [images], class indices of `images()`.
            members: How many members the ensemble has.
        """
        images = self.images()
        fitted = fit_temperature(self.mean(images), labels)
        return Calibration(
            source="out_of_bag",
            temperature=self._extrapolated(images, labels, fitted, members),
            images=len(images),
            members_per_image=float(self._members[:, images].sum(axis=0).mean()),
            fitted_temperature=fitted,
        )

    def _extrapolated(
        self, images: NDArray[np.int64], labels: NDArray[np.integer], fitted: float, members: int
    ) -> float:
        """Return the temperature for so many members; the fitted one where nothing can be extrapolated from."""
        counts = self._members[:, images]
        if len(images) < _FEWEST_TO_EXTRAPOLATE or not counts.all():
            return fitted
        # Temperatures are linear in 1 / members, so of different numbers the harmonic mean counts.
        fewer, more = 1 / float((1 / counts).mean()), 1 / float((1 / counts.sum(axis=0)).mean())
        if members <= more:
            return fitted
        halves = [self._sums[half, images] / counts[half][:, None] for half in range(2)]
        of_half = float(np.mean([fit_temperature(half, labels) for half in halves]))
        return extrapolate_temperature(of_half, fitted, (fewer, more), members)
