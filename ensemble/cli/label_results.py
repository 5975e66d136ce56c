"""What the command `predict` makes of predicted labels."""

from collections.abc import Iterator, Sequence

from deepchord.ensemble.cli.results import EMPTY_CELL
from deepchord.ensemble.inputs import Lot
from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.tables import LabelRows, PredictedRows, RunningLabelScores
from deepchord.shared.command_line import label

#: So many labels have columns in the terminal; files tell all.
_MOST_LABELS = 6


class LabelResults:
    """What is made of predicted labels."""

    def __init__(self, item: str, label_names: Sequence[str]) -> None:
        """Take what is told.

        Args:
            item: What is predicted: `image` or `row`.
            label_names: The name of each label.
        """
        self._item = item
        self._names = tuple(map(label, label_names))
        self._scores = RunningLabelScores()
        self.number_columns = frozenset(self._names[:_MOST_LABELS])

    def rows(self, prediction: MultilabelPrediction, lot: Lot) -> PredictedRows:
        """Return the rows of a file."""
        return LabelRows(prediction=prediction, names_of_rows=lot.names, actual=lot.labels, item=self._item)

    def cells(self, prediction: MultilabelPrediction, lot: Lot, index: int) -> Iterator[tuple[str, str]]:
        """Yield the cells of one row in the terminal: the labels that apply, and the probabilities of the first."""
        yield self._item, lot.names[index]
        yield "predicted", self._listed(prediction.applies[index].nonzero()[0].tolist())
        for place, name in enumerate(self._names[:_MOST_LABELS]):
            yield name, f"{prediction.probabilities[index, place]:.1%}"
        if lot.labels is not None:
            flags = lot.labels[index]
            yield "actual", EMPTY_CELL if (flags < 0).any() else self._listed((flags == 1).nonzero()[0].tolist())

    def score(self, prediction: MultilabelPrediction, lot: Lot) -> None:
        """Count the rows whose labels are known."""
        if lot.labels is not None:
            self._scores.add(prediction, lot.labels)

    def sentences(self) -> Iterator[str]:
        """Yield how many predictions are right."""
        scores = self._scores.result()
        if scores is not None:
            micro = "" if scores.micro_f1 is None else f", micro F1 {scores.micro_f1:.4f}"
            yield (
                f"Of {scores.rows:,} {self._item}s with all labels {scores.exact_match:.2%} have every one right; "
                f"wrong labels (Hamming loss) {scores.hamming_loss:.2%}{micro}, negative log-likelihood "
                f"{scores.negative_log_likelihood:.4f}, calibration error {scores.calibration_error:.2%}."
            )

    def _listed(self, places: Sequence[int]) -> str:
        return ", ".join(self._names[place] for place in places) or "none"
