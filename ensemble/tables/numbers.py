"""What a table tells of rows whose numbers were predicted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.tables.classes import LONGEST_NAME
from deepchord.ensemble.tables.rows import Columns

_FIELDS = ("mean", "standard_deviation", "aleatoric_standard_deviation", "epistemic_standard_deviation")


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberRows:
    """The predicted numbers of some rows."""

    prediction: RegressionPrediction
    #: What each row is called.
    names_of_rows: Sequence[str]
    #: The actual numbers, [rows, targets], NaN where one is not known; None: there are no columns for them.
    actual: NDArray[np.float64] | None
    #: The levels of the intervals that are told.
    levels: Sequence[float]
    #: What was predicted, the name of the column of names: `image` or `row`.
    item: str = "row"

    def __len__(self) -> int:
        return len(self.prediction)

    def columns(self) -> Columns:
        """Return the columns of a table: for each target its mean, its deviations and the ends of its intervals."""
        columns: Columns = {self.item: np.array(self.names_of_rows, dtype=str)}
        bounds = {level: self.prediction.intervals(level) for level in self.levels}
        for target, name in enumerate(self.prediction.target_names):
            for field in _FIELDS:
                columns[f"{name}_{field}"] = getattr(self.prediction, field)[:, target]
            for level, (lower, upper) in bounds.items():
                columns[f"{name}_lower_{percent(level)}"] = lower[:, target]
                columns[f"{name}_upper_{percent(level)}"] = upper[:, target]
            if self.actual is not None:
                columns[f"{name}_actual"] = self.actual[:, target]
        return columns

    def arrays(self) -> Columns:
        """Return the arrays of the prediction, [rows, targets]."""
        arrays: Columns = {f"{self.item}s": np.array(self.names_of_rows, dtype=f"<U{LONGEST_NAME}")}
        arrays |= {field: getattr(self.prediction, field) for field in _FIELDS}
        for level in self.levels:
            lower, upper = self.prediction.intervals(level)
            arrays |= {f"lower_{percent(level)}": lower, f"upper_{percent(level)}": upper}
        return arrays if self.actual is None else arrays | {"actual": self.actual}

    def names(self) -> Columns:
        """Return the names of the targets."""
        return {"target_names": np.array(self.prediction.target_names, dtype=str)}


def percent(level: float) -> str:
    """Return a level as it stands in the name of a column: 90, or 99.5."""
    return f"{100 * level:.6g}"
