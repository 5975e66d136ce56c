"""What the command `predict` makes of predicted numbers."""

from collections.abc import Iterator, Sequence

import numpy as np

from deepchord.ensemble.cli.results import EMPTY_CELL
from deepchord.ensemble.inputs import Lot
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.tables import NumberRows, PredictedRows, RunningNumberScores, percent
from deepchord.shared.command_line import label

#: So many targets have columns in the terminal; files tell all.
_MOST_TARGETS = 3


class NumberResults:
    """What is made of predicted numbers."""

    def __init__(self, item: str, target_names: Sequence[str], levels: Sequence[float]) -> None:
        """Take what is told.

        Args:
            item: What is predicted: `image` or `row`.
            target_names: The name of each target.
            levels: The levels of the intervals.
        """
        self._item = item
        self._levels = tuple(levels)
        self._shown = list(enumerate(map(label, target_names[:_MOST_TARGETS])))
        self._scores = RunningNumberScores(target_names, levels)
        self.number_columns = frozenset(
            column
            for _, name in self._shown
            for column in (name, self._actual(name), *(self._interval(name, level) for level in self._levels))
        )

    def rows(self, prediction: RegressionPrediction, lot: Lot) -> PredictedRows:
        """Return the rows of a file."""
        return NumberRows(
            prediction=prediction, names_of_rows=lot.names, actual=lot.labels, levels=self._levels, item=self._item
        )

    def cells(self, prediction: RegressionPrediction, lot: Lot, index: int) -> Iterator[tuple[str, str]]:
        """Yield the cells of one row in the terminal: of each target its mean and deviation, and its intervals."""
        one = prediction.rows(index, index + 1)
        yield self._item, lot.names[index]
        for target, name in self._shown:
            deviation = one.standard_deviation[0, target]
            yield name, f"{one.mean[0, target]:.4g} ± {deviation:.2g}"
            for level in self._levels:
                lower, upper = (ends[0, target] for ends in one.intervals(level))
                yield self._interval(name, level), f"{lower:.4g} to {upper:.4g}" if np.isfinite(upper) else "unbounded"
            if lot.labels is not None:
                actual = lot.labels[index, target]
                yield self._actual(name), EMPTY_CELL if np.isnan(actual) else f"{actual:.4g}"

    def score(self, prediction: RegressionPrediction, lot: Lot) -> None:
        """Count the rows whose numbers are known."""
        if lot.labels is not None:
            self._scores.add(prediction, lot.labels)

    def sentences(self) -> Iterator[str]:
        """Yield the scores of each target."""
        for found in self._scores.result():
            scores = found.scores
            explained = "" if scores.r_squared is None else f", R² {scores.r_squared:.4f}"
            held = ", ".join(
                f"{share:.1%} in intervals of {percent(level)}%" for level, share in found.coverage.items()
            )
            yield (
                f"{label(found.target)}: {found.rows:,} {self._item}s with the actual number; root mean squared error "
                f"{scores.root_mean_squared_error:.4g}, mean absolute error {scores.mean_absolute_error:.4g}"
                f"{explained}, negative log-likelihood {scores.negative_log_likelihood:.4f}, continuous ranked "
                f"probability score {scores.continuous_ranked_probability_score:.4g}; {held}."
            )

    def _interval(self, name: str, level: float) -> str:
        return f"{percent(level)}% of {name}" if len(self._shown) > 1 else f"{percent(level)}%"

    def _actual(self, name: str) -> str:
        return f"actual {name}" if len(self._shown) > 1 else "actual"
