"""The test rows one number at a time: predicted, actual, and the 90 % interval that is shown everywhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.shared.messages import Intervals, RegressionEvaluation, Target

#: The probability of the intervals that are drawn and spoken of.
LEVEL = 0.9
#: Which intervals are preferred: those that hold whatever the errors are distributed like come first.
_PREFERRED = ("conformal", "scaled", "predicted")


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetRows:
    """One number in all test rows; arrays are float64 [test_size], in the number's own unit."""

    target: Target
    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]
    #: The predicted standard deviation, scaled if that was possible.
    deviation: NDArray[np.float64]
    #: Half the width of the interval.
    half_width: NDArray[np.float64]
    #: What the interval is, and how it does.
    interval: Intervals
    coverage: float

    @property
    def error(self) -> NDArray[np.float64]:
        """How much higher the actual number is than the predicted one."""
        return np.asarray(self.actual - self.predicted)

    @property
    def scaled_error(self) -> NDArray[np.float64]:
        """The errors in predicted standard deviations."""
        return np.asarray(self.error / self.deviation)

    @property
    def is_inside(self) -> NDArray[np.bool_]:
        """Whether the interval holds the actual number, bool [test_size]."""
        return np.asarray(np.abs(self.error) <= self.half_width)

    def drawn(self, most: int) -> NDArray[np.int64]:
        """Return which rows are drawn, sorted by their prediction: all, or so many evenly among them."""
        ordered = np.argsort(self.predicted, kind="stable")
        if len(ordered) <= most:
            return ordered
        return ordered[np.linspace(0, len(ordered) - 1, most).round().astype(np.int64)]


def target_rows(content: RegressionContent) -> tuple[TargetRows, ...]:
    """Return the test rows of each number."""
    predicted, best = content.predictions.test, content.best_test
    rows = []
    for place, target in enumerate(content.targets):
        interval = shown_interval(content, place)
        width = interval.half_widths[place]
        rows.append(
            TargetRows(
                target=target,
                actual=np.asarray(content.dataset.y_test[:, place], dtype=np.float64),
                predicted=predicted.mean[:, place],
                deviation=best.standard_deviation[:, place],
                half_width=(np.inf if width is None else width) * predicted.standard_deviation[:, place],
                interval=interval,
                coverage=interval.coverage[place],
            )
        )
    return tuple(rows)


def shown_interval(content: RegressionContent, target: int, level: float = LEVEL) -> Intervals:
    """Return the interval of a number that is shown: the conformal one if it has bounds, else the scaled one."""
    found = {each.method: each for each in content.evaluation.intervals if each.level == level}
    return next(
        found[method] for method in _PREFERRED if method in found and found[method].half_widths[target] is not None
    )


def shown_of_all(evaluation: RegressionEvaluation, level: float = LEVEL) -> Intervals:
    """Return the intervals that are shown of all numbers together: the conformal ones if all have bounds."""
    found = {each.method: each for each in evaluation.intervals if each.level == level}
    return next(found[method] for method in _PREFERRED if method in found and None not in found[method].half_widths)
