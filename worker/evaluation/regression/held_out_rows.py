"""Numbers that members predict of training rows that they held out: for variances and intervals that can be trusted."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Intervals, NumberGain, ScalingSource, VarianceScaling
from deepchord.shared.regression import (
    LEVELS,
    Predictions,
    RunningMixture,
    conformal_half_width,
    coverage,
    extrapolate_factor,
    fit_factor,
    gaussian_losses,
    normal_half_width,
)

#: The factor of smaller ensembles is extrapolated only from at least so many rows.
_FEWEST_TO_EXTRAPOLATE = 30


class HeldOutRows:
    """Accumulates what members predict of the training rows that they held out, one member at a time.

    Either all members hold out the same rows, for the calibration, or each its own, for its validation: "out of bag".
    """

    def __init__(self, actual: NDArray[np.float64], calibration_rows: NDArray[np.int64] | None) -> None:
        """Create an accumulator.

        Args:
            actual: [train_size, targets], the standardised numbers.
            calibration_rows: Indices of rows that no member was trained on; None or empty if there are none.
        """
        self._actual = actual
        self._calibration_rows = np.empty(0, np.int64) if calibration_rows is None else calibration_rows
        self._all = RunningMixture(*actual.shape)
        #: The first member that held out each row, by itself.
        self._first = RunningMixture(*actual.shape)
        #: The members that held out each row, in two halves in turn.
        self._halves = (RunningMixture(*actual.shape), RunningMixture(*actual.shape))

    def add(self, outputs: NDArray[np.float32], held_out: NDArray[np.int64] | None) -> None:
        """Add a member.

        Args:
            outputs: Its outputs for the training rows, [train_size, 2 targets].
            held_out: The rows that it held out for its validation; None if that is not known.
        """
        rows = self._calibration_rows if len(self._calibration_rows) else held_out
        if rows is None:
            return
        new = rows[self._first.members[rows] == 0]
        self._first.add(outputs[new], new)
        half = self._all.members[rows] % 2
        for place, mixture in enumerate(self._halves):
            own = rows[half == place]
            mixture.add(outputs[own], own)
        self._all.add(outputs[rows], rows)

    def scaling(self, members: int) -> VarianceScaling | None:
        """Return how the variances of the ensemble are scaled; None if no row was held out.

        Where enough rows were held out by two members or more, but not by all, the factor is extrapolated from one of
        these members and from all of them to the number of members of the ensemble.

        Args:
            members: How many members the ensemble has.
        """
        rows = self._rows()
        if len(rows) == 0:
            return None
        return VarianceScaling(
            source=self._source(),
            factors=tuple(self._factors(rows, members).tolist()),
            rows=len(rows),
            members_per_row=float(self._all.members[rows].mean()),
        )

    def next_member(self, members: int) -> NumberGain | None:
        """Return what one more member would bring; None if no row was held out by two members.

        The loss of a mixture of k members is about linear in 1 / k. So it is computed with one half and with all of the
        members that held a row out, and extrapolated to the ensemble and to one with one more member.

        Args:
            members: How many members the ensemble has.
        """
        rows = np.flatnonzero(self._all.members > 1)
        if len(rows) == 0:
            return None
        counts = self._all.members[rows]
        fewer = 1 / float(np.mean([1 / half.members[rows] for half in self._halves]))
        more = 1 / float((1 / counts).mean())
        of_half = float(np.mean([self._scaled_loss(half, rows) for half in self._halves]))
        of_all = self._scaled_loss(self._all, rows)
        slope = max(0.0, (of_half - of_all) / (1 / fewer - 1 / more))
        return NumberGain(
            rows=len(rows),
            members_per_row=float(counts.mean()),
            loss=of_all - slope * (1 / more - 1 / members),
            fall=slope / (members * (members + 1)),
        )

    def intervals(
        self, scaling: VarianceScaling | None, test: Predictions, actual: NDArray[np.float64]
    ) -> tuple[Intervals, ...]:
        """Return intervals of all kinds, and how they do on the test rows.

        Args:
            scaling: As `scaling` returns it.
            test: What the ensemble predicts of the test rows, in any units.
            actual: [test_size, targets], in the same units.
        """
        targets = actual.shape[1]
        found = [_tested("predicted", level, [normal_half_width(level)] * targets, test, actual) for level in LEVELS]
        if scaling is None:
            return tuple(found)
        wider = np.sqrt(scaling.factors)
        for level in LEVELS:
            half_widths = [normal_half_width(level) * float(factor) for factor in wider]
            found.append(_tested("scaled", level, half_widths, test, actual))
        found.extend(self._conformal(level, scaling, test, actual) for level in LEVELS)
        return tuple(found)

    def _conformal(
        self, level: float, scaling: VarianceScaling, test: Predictions, actual: NDArray[np.float64]
    ) -> Intervals:
        rows = self._rows()
        deviations = np.abs(self._scaled_errors(self._all, rows))
        # Fewer members than the ensemble has predicted these rows, so their errors are larger, as the factors tell.
        narrower = np.sqrt(np.asarray(scaling.factors) / fit_factor(deviations))
        bounds = [conformal_half_width(deviations[:, target], level) for target in range(actual.shape[1])]
        half_widths = [
            None if bound is None else bound * float(factor) for bound, factor in zip(bounds, narrower, strict=True)
        ]
        return _tested("conformal", level, half_widths, test, actual, is_approximate=self._source() == "out_of_bag")

    def _source(self) -> ScalingSource:
        return "calibration_images" if len(self._calibration_rows) else "out_of_bag"

    def _rows(self) -> NDArray[np.int64]:
        """Return the rows that variances are fitted on: those of two members, if there are enough; else all."""
        by_two = np.flatnonzero(self._all.members > 1)
        return by_two if len(by_two) >= _FEWEST_TO_EXTRAPOLATE else np.flatnonzero(self._all.members)

    def _factors(self, rows: NDArray[np.int64], members: int) -> NDArray[np.float64]:
        of_all = fit_factor(self._scaled_errors(self._all, rows))
        counts = self._all.members[rows]
        if len(rows) < _FEWEST_TO_EXTRAPOLATE or counts.min() < 2 or counts.min() >= members:
            return of_all
        of_one = fit_factor(self._scaled_errors(self._first, rows))
        return extrapolate_factor(of_one, of_all, (1.0, 1 / float((1 / counts).mean())), members)

    def _scaled_loss(self, mixture: RunningMixture, rows: NDArray[np.int64]) -> float:
        """Return the mean negative log-likelihood of rows with the variances that fit them best."""
        predicted = mixture.result(rows)
        scaled = predicted.scaled(fit_factor(self._scaled_errors(mixture, rows)).tolist())
        return float(gaussian_losses(scaled.mean, scaled.variance, self._actual[rows]).mean())

    def _scaled_errors(self, mixture: RunningMixture, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        predicted = mixture.result(rows)
        return np.asarray((self._actual[rows] - predicted.mean) / predicted.standard_deviation)


def _tested(
    method: str,
    level: float,
    half_widths: list[float | None] | list[float],
    test: Predictions,
    actual: NDArray[np.float64],
    *,
    is_approximate: bool = False,
) -> Intervals:
    """Return intervals with their coverage and mean width on the test rows."""
    deviations, widths = test.standard_deviation, list(half_widths)
    scaled = np.abs(actual - test.mean) / deviations
    return Intervals.model_validate(
        {
            "method": method,
            "level": level,
            "half_widths": tuple(widths),
            "is_approximate": is_approximate,
            "coverage": tuple(coverage(scaled[:, target], width) for target, width in enumerate(widths)),
            "mean_width": tuple(
                None if width is None else 2 * width * float(deviations[:, target].mean())
                for target, width in enumerate(widths)
            ),
        }
    )
