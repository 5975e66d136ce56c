"""What the command `predict` makes of predictions: rows of files, cells of the terminal, and scores."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from deepchord.ensemble.inputs import Lot
from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.tables import ClassRows, PredictedRows, RunningScores
from deepchord.shared.command_line import label

EMPTY_CELL = "…"
P = TypeVar("P", contravariant=True)


class Results(Protocol[P]):
    """What is made of the predictions of one kind of ensemble."""

    #: The names of the terminal's columns that hold numbers.
    number_columns: frozenset[str]

    def rows(self, prediction: P, lot: Lot) -> PredictedRows:
        """Return the rows of a file."""
        ...

    def cells(self, prediction: P, lot: Lot, index: int) -> Iterator[tuple[str, str]]:
        """Yield the cells of one image or row in the terminal, by the names of their columns."""
        ...

    def score(self, prediction: P, lot: Lot) -> None:
        """Count the images or rows whose labels are known."""
        ...

    def sentences(self) -> Iterator[str]:
        """Yield what the scores are."""
        ...


class ClassResults:
    """What is made of predicted classes."""

    number_columns = frozenset({"confidence", "entropy", "disagreement"})

    def __init__(self, item: str) -> None:
        """Take what is predicted: `image` or `row`."""
        self._item = item
        self._scores = RunningScores()

    def rows(self, prediction: Prediction, lot: Lot) -> PredictedRows:
        """Return the rows of a file."""
        return ClassRows(prediction=prediction, names_of_rows=lot.names, labels=lot.labels, item=self._item)

    def cells(self, prediction: Prediction, lot: Lot, index: int) -> Iterator[tuple[str, str]]:
        """Yield the cells of one image in the terminal."""
        names = prediction.class_names
        yield self._item, lot.names[index]
        yield "predicted", label(names[prediction.labels[index]])
        yield "confidence", f"{prediction.confidence[index]:.1%}"
        yield "entropy", f"{prediction.predictive_entropy[index]:.2f}"
        yield "disagreement", f"{prediction.disagreement[index]:.0%}"
        if prediction.abstains is not None:
            yield "answer", "does not know" if prediction.abstains[index] else "answers"
        if prediction.sets is not None:
            yield "set", ", ".join(label(names[each]) for each in prediction.sets[index].nonzero()[0])
        if lot.labels is not None:
            actual = int(lot.labels[index])
            yield "actual", label(names[actual]) if actual >= 0 else EMPTY_CELL

    def score(self, prediction: Prediction, lot: Lot) -> None:
        """Count the images whose classes are known."""
        if lot.labels is not None:
            self._scores.add(prediction, lot.labels)

    def sentences(self) -> Iterator[str]:
        """Yield how many predictions are right."""
        scores = self._scores.result()
        if scores is not None:
            yield (
                f"Of {scores.images:,} {self._item}s with a label {scores.accuracy:.2%} are right; negative "
                f"log-likelihood {scores.negative_log_likelihood:.4f}, expected calibration error "
                f"{scores.expected_calibration_error:.2%}."
            )
