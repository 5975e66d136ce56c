"""Test rows as cards: their columns or their picture, and which labels are predicted of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.findings import data_uri, shown_pixels
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import most_surprising, most_uncertain
from deepchord.shared.multilabel import LEAST_APPLYING
from deepchord.shared.tables import shown_rows

#: A card shows at most so many columns of a row, and so many labels.
_MAX_CELLS, _MAX_LABELS = 8, 6


@dataclass(frozen=True, kw_only=True)
class PredictedLabel:
    """One label of a test row."""

    name: str
    probability: float
    applies: bool

    @property
    def is_right(self) -> bool:
        """Whether it is predicted right."""
        return (self.probability > LEAST_APPLYING) == self.applies


@dataclass(frozen=True, kw_only=True)
class RowCard:
    """A test row, or image."""

    test_index: int
    #: As a data URI of a PNG; empty for a row of a table.
    picture: str
    #: The first columns of a row, with its values; empty for an image.
    cells: tuple[tuple[str, str], ...]
    #: The labels that apply or are the most probable ones, or wrong.
    labels: tuple[PredictedLabel, ...]


def uncertain_cards(content: MultilabelContent) -> tuple[RowCard, ...]:
    """Return the test rows that the ensemble is most uncertain about."""
    return _cards(content, most_uncertain(content))


def surprising_cards(content: MultilabelContent) -> tuple[RowCard, ...]:
    """Return the test rows with the least expected labels."""
    return _cards(content, most_surprising(content))


def _cards(content: MultilabelContent, indices: NDArray[np.int64]) -> tuple[RowCard, ...]:
    chosen, table = content.dataset.x_test[indices], content.dataset.table
    pictures: Iterable[str] = [""] * len(indices)
    cells: Iterable[tuple[tuple[str, str], ...]] = [()] * len(indices)
    if table is None:
        pictures = map(data_uri, shown_pixels(chosen, content.dataset))
    else:
        cells = (each[:_MAX_CELLS] for each in shown_rows(chosen, table))
    return tuple(
        RowCard(test_index=index, picture=picture, cells=of_row, labels=_labels(content, index))
        for index, picture, of_row in zip(indices.tolist(), pictures, cells, strict=True)
    )


def _labels(content: MultilabelContent, row: int) -> tuple[PredictedLabel, ...]:
    """Return the labels of a row that are worth a look, in the order of the data set."""
    probabilities, actual = content.best_test[row].astype(np.float64), content.dataset.y_test[row]
    worth = np.maximum(probabilities, np.abs(probabilities - actual)) + actual
    shown = np.sort(np.argsort(-worth, kind="stable")[:_MAX_LABELS])
    return tuple(
        PredictedLabel(name=content.labels[place], probability=float(probabilities[place]), applies=bool(actual[place]))
        for place in shown.tolist()
    )
