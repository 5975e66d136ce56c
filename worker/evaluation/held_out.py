"""Probabilities of training images by members that held them out: for calibration and the next member's gain."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Calibration, CalibrationSource, MemberGain
from deepchord.shared.uncertainty import (
    extrapolate_temperature,
    fit_calibrator,
    fit_temperature,
    negative_log_likelihood,
)

#: Returns the temperature that fits probabilities and labels.
FitTemperature = Callable[[NDArray[np.floating], NDArray[np.integer]], float]
#: If two members or more held out so many images, the others are left out.
_ENOUGH_BY_TWO = 2_000
#: The temperature is extrapolated to all members if at least so many images were held out by two of them.
_FEWEST_TO_EXTRAPOLATE = 50


class HeldOut:
    """Accumulates the probabilities of training images by members that held them out, one member at a time.

    They are those of classes, or of labels.

    Either all members hold out the same images, for the calibration, or each its own, for its validation: "out of bag".
    The probabilities are summed in two halves: the members that held an image out go to the one and to the other in
    turn. So there are ensembles of two sizes, one half and both, without any further array.
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
        """Return the indices of the images that the calibration is fitted on.

        These are the images that at least two members held out, if there are enough of them; otherwise all images that
        any member held out.
        """
        by_two = np.flatnonzero(self._members.all(axis=0))
        return by_two if len(by_two) >= _ENOUGH_BY_TWO else np.flatnonzero(self._members.any(axis=0))

    def mean(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean probabilities of images, float32 [images, classes]."""
        members = self._members[:, images].sum(axis=0)
        return np.asarray(self._sums[:, images].sum(axis=0) / members[:, None], dtype=np.float32)

    def calibration(self, labels: NDArray[np.integer], members: int, source: CalibrationSource) -> Calibration:
        """Return how the ensemble is calibrated, after at least one member was added.

        Where images were held out by at least two members, but not by all, the temperatures of one half of these
        members and of all of them tell how the temperature depends on their number, and it is extrapolated to that of
        the ensemble.

        Args:
            labels: [images], class indices of `images()`.
            members: How many members the ensemble has.
            source: Why the images were held out.
        """
        images = self.images()
        fitted = fit_calibrator(self.mean(images), labels)
        temperature, confidence_map = fitted.calibrator.temperature, fitted.calibrator.confidence_map
        return Calibration(
            source=source,
            temperature=self.extrapolated(images, labels, temperature, members),
            images=len(images),
            members_per_image=self.members_per_image(images),
            fitted_temperature=temperature,
            confidence_map=() if confidence_map is None else confidence_map.knots(),
            temperature_loss=fitted.temperature_loss,
            map_loss=fitted.map_loss,
        )

    def next_member(self, labels: NDArray[np.integer], members: int) -> MemberGain | None:
        """Return what one more member would bring; None if no image was held out by two members.

        The loss of a mean of k members is about linear in 1 / k. So it is computed with one half and with all of the
        members that held an image out, and extrapolated to the ensemble and to an ensemble with one more member.

        Args:
            labels: [training images], class indices.
            members: How many members the ensemble has.
        """
        images = np.flatnonzero(self._members.all(axis=0))
        if len(images) == 0:
            return None
        fewer, more = self._sizes(images)
        of_half = float(np.mean([negative_log_likelihood(half, labels[images]) for half in self._halves(images)]))
        counts = self._members[:, images].sum(axis=0)
        of_both = negative_log_likelihood(self._sums[:, images].sum(axis=0) / counts[:, None], labels[images])
        slope = max(0.0, (of_half - of_both) / (1 / fewer - 1 / more))
        return MemberGain(
            images=len(images),
            members_per_image=float(counts.mean()),
            loss=max(0.0, of_both - slope * (1 / more - 1 / members)),
            fall=slope / (members * (members + 1)),
        )

    def members_per_image(self, images: NDArray[np.int64]) -> float:
        """Return how many members held an image out, in the mean over some images."""
        return float(self._members[:, images].sum(axis=0).mean())

    def extrapolated(
        self,
        images: NDArray[np.int64],
        labels: NDArray[np.integer],
        fitted: float,
        members: int,
        fit: FitTemperature = fit_temperature,
    ) -> float:
        """Return the temperature for so many members; the fitted one where nothing tells how it depends on them.

        Args:
            images: Indices of images that members held out.
            labels: What `fit` takes of each of them.
            fitted: The temperature that fits them.
            members: How many members the ensemble has.
            fit: Fits a temperature to probabilities and labels.
        """
        by_two = self._members[:, images].all(axis=0)
        counts = self._members[:, images].sum(axis=0)
        if by_two.sum() < _FEWEST_TO_EXTRAPOLATE or (counts >= members).all():
            return fitted
        both, known = images[by_two], labels[by_two]
        of_half = float(np.mean([fit(half, known) for half in self._halves(both)]))
        of_both = fitted if by_two.all() else fit(self.mean(both), known)
        own = 1 / float((1 / counts).mean())
        return extrapolate_temperature(fitted, (own, members), of_parts=(of_half, of_both), parts=self._sizes(both))

    def _sizes(self, images: NDArray[np.int64]) -> tuple[float, float]:
        """Return the numbers of members in one half and in both, as harmonic means: fits are linear in 1 / members."""
        counts = self._members[:, images]
        return 1 / float((1 / counts).mean()), 1 / float((1 / counts.sum(axis=0)).mean())

    def _halves(self, images: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """Return the mean probabilities of each half, [images, classes]; each half has predicted each image."""
        return [self._sums[half, images] / self._members[half, images][:, None] for half in range(2)]
