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
        """Return the indices of the images that at least one member held out."""
        return np.flatnonzero(self._members.any(axis=0))

    def mean(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean probabilities of images, float32 [images, classes]."""
        members = self._members[:, images].sum(axis=0)
        return np.asarray(self._sums[:, images].sum(axis=0) / members[:, None], dtype=np.float32)

    def calibration(self, labels: NDArray[np.integer], members: int) -> Calibration | None:
        """Return the temperature of the ensemble; None if no image was held out.

        Where enough images were held out by at least two members, it is extrapolated from one half of these members and
        from all of them to the number of members of the ensemble.

        Args:
            labels: [training images], class indices.
            members: How many members the ensemble has.
        """
        by_two = np.flatnonzero(self._members.all(axis=0))
        if len(by_two) >= _FEWEST_TO_EXTRAPOLATE:
            return self._extrapolated(by_two, labels[by_two], members)
        images = self.images()
        if len(images) == 0:
            return None
        temperature = fit_temperature(self.mean(images), labels[images])
        return Calibration(
            source="out_of_bag",
            temperature=temperature,
            images=len(images),
            members_per_image=float(self._members[:, images].sum(axis=0).mean()),
            fitted_temperature=temperature,
        )

    def _extrapolated(self, images: NDArray[np.int64], labels: NDArray[np.integer], members: int) -> Calibration:
        """Return the temperature, extrapolated; each of the images was held out by at least two members."""
        counts = self._members[:, images]
        fitted = fit_temperature(self.mean(images), labels)
        of_half = float(
            np.mean([fit_temperature(self._sums[half, images] / counts[half][:, None], labels) for half in range(2)])
        )
        # Temperatures are linear in 1 / members, so of different numbers the harmonic mean counts.
        fewer, more = 1 / float((1 / counts).mean()), 1 / float((1 / counts.sum(axis=0)).mean())
        return Calibration(
            source="out_of_bag",
            temperature=extrapolate_temperature(of_half, fitted, (fewer, more), members) if members > more else fitted,
            images=len(images),
            members_per_image=float(counts.sum(axis=0).mean()),
            fitted_temperature=fitted,
        )
