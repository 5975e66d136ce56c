"""What a table tells of images or rows whose labels were predicted, and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.tables.classes import LONGEST_NAME
from deepchord.ensemble.tables.rows import Columns
from deepchord.shared.uncertainty import BINS, SMALLEST_PROBABILITY, width_bins

_FIELDS = ("applies", "predictive_entropy", "expected_entropy", "mutual_information")


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelRows:
    """The predicted labels of some rows."""

    prediction: MultilabelPrediction
    #: What each row is called.
    names_of_rows: Sequence[str]
    #: Whether labels apply, int8 [rows, labels], -1 where it is not known; None: there are no columns for them.
    actual: NDArray[np.int8] | None
    #: What was predicted, the name of the column of names: `image` or `row`.
    item: str = "row"

    def __len__(self) -> int:
        return len(self.prediction)

    def columns(self) -> Columns:
        """Return the columns of a table: the probability of each label, then what else is known of each."""
        columns: Columns = {self.item: np.array(self.names_of_rows, dtype=str)}
        names = self.prediction.label_names
        for place, name in enumerate(names):
            columns[f"probability_{name}"] = self.prediction.probabilities[:, place]
        for field in _FIELDS:
            for place, name in enumerate(names):
                columns[f"{field}_{name}"] = getattr(self.prediction, field)[:, place]
        if self.actual is not None:
            columns |= {f"actual_{name}": self.actual[:, place] for place, name in enumerate(names)}
        return columns

    def arrays(self) -> Columns:
        """Return the arrays of the prediction, [rows, labels]."""
        arrays: Columns = {f"{self.item}s": np.array(self.names_of_rows, dtype=f"<U{LONGEST_NAME}")}
        arrays |= {field: getattr(self.prediction, field) for field in ("probabilities", *_FIELDS)}
        return arrays if self.actual is None else arrays | {"actual": self.actual}

    def names(self) -> Columns:
        """Return the names of the labels."""
        return {"label_names": np.array(self.prediction.label_names, dtype=str)}


@dataclass(frozen=True, kw_only=True)
class ShownLabelScores:
    """How good predictions are, on the rows of which all labels are known."""

    rows: int
    exact_match: float
    hamming_loss: float
    #: None: no label applies to any row.
    micro_f1: float | None
    negative_log_likelihood: float
    calibration_error: float


class RunningLabelScores:
    """Sums up scores over lots of rows; its memory does not grow with them."""

    def __init__(self) -> None:
        self._rows = self._labels = self._exact = self._wrong = self._found = self._told = 0
        self._loss = 0.0
        self._by_bin = np.zeros(BINS)

    def add(self, prediction: MultilabelPrediction, actual: NDArray[np.int8]) -> None:
        """Add some rows, [rows, labels]; those of which a label is not known do not count."""
        known = np.flatnonzero((actual >= 0).all(axis=1))
        flags, predicted = actual[known] == 1, prediction.applies[known]
        probabilities = prediction.probabilities[known].astype(np.float64)
        wrong = predicted != flags
        self._rows += len(known)
        self._labels += flags.size
        self._exact += int((~wrong.any(axis=1)).sum())
        self._wrong += int(wrong.sum())
        self._found += int((predicted & flags).sum())
        self._told += int(predicted.sum() + flags.sum())
        of_actual = np.where(flags, probabilities, 1 - probabilities)
        self._loss -= float(np.log(np.maximum(of_actual, SMALLEST_PROBABILITY)).sum())
        np.add.at(self._by_bin, width_bins(probabilities), probabilities - flags)

    def result(self) -> ShownLabelScores | None:
        """Return the scores; None if no row had all its labels."""
        if not self._rows:
            return None
        return ShownLabelScores(
            rows=self._rows,
            exact_match=self._exact / self._rows,
            hamming_loss=self._wrong / self._labels,
            micro_f1=2 * self._found / self._told if self._told else None,
            negative_log_likelihood=self._loss / self._labels,
            calibration_error=float(np.abs(self._by_bin).sum()) / self._labels,
        )
