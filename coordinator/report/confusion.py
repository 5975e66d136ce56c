"""The confusion matrix as it is shown, and what it says in words: which classes are taken for which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordinator.report.content import ReportContent
from coordinator.report.pictures import Pixels

#: With more classes than this the counts no longer fit, and the matrix becomes a picture.
MAX_CLASSES_WITH_COUNTS = 25
_WORST = 8


@dataclass(frozen=True, kw_only=True)
class ConfusionCell:
    """How many images of one class were taken for another."""

    count: int
    #: The count as a share of the largest off the diagonal, in [0, 1].
    strength: float
    is_diagonal: bool


@dataclass(frozen=True, kw_only=True)
class ConfusionRow:
    """An actual class."""

    name: str
    cells: tuple[ConfusionCell, ...]
    #: The share of the class's test images that the ensemble gets right; None if it has none.
    recall: float | None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """An actual class and what it was taken for."""

    actual: str
    predicted: str
    count: int
    strength: float


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """The ensemble's confusion matrix over the test images."""

    class_names: tuple[str, ...]
    rows: tuple[ConfusionRow, ...]
    #: The most frequent confusions, most frequent first.
    worst: tuple[Confusion, ...]
    #: How many test images there are, and how many of them the ensemble gets wrong.
    images: int
    errors: int

    @property
    def has_counts(self) -> bool:
        """Whether the counts fit onto the page."""
        return len(self.class_names) <= MAX_CLASSES_WITH_COUNTS

    @property
    def hardest(self) -> ConfusionRow:
        """The class with the lowest recall."""
        return self._by_recall[0]

    @property
    def easiest(self) -> ConfusionRow:
        """The class with the highest recall."""
        return self._by_recall[-1]

    @property
    def _by_recall(self) -> list[ConfusionRow]:
        known = [(row.recall, place) for place, row in enumerate(self.rows) if row.recall is not None]
        return [self.rows[place] for _, place in sorted(known)]


def confusion_matrix(content: ReportContent) -> ConfusionMatrix:
    """Return the matrix of the evaluation, coloured by the largest count off the diagonal."""
    counts = np.array(content.evaluation.confusion, dtype=np.int64)
    names = content.dataset.class_names
    strengths = _strengths(counts)
    totals = counts.sum(axis=1)
    rows = tuple(
        ConfusionRow(
            name=name,
            cells=tuple(
                ConfusionCell(
                    count=int(counts[row, column]),
                    strength=float(strengths[row, column]),
                    is_diagonal=row == column,
                )
                for column in range(len(names))
            ),
            recall=float(counts[row, row] / totals[row]) if totals[row] else None,
        )
        for row, name in enumerate(names)
    )
    return ConfusionMatrix(
        class_names=names,
        rows=rows,
        worst=_worst(rows, names),
        images=int(totals.sum()),
        errors=int(totals.sum() - counts.trace()),
    )


def confusion_pixels(content: ReportContent, colour: tuple[int, int, int]) -> Pixels:
    """Return the matrix as a picture [classes, classes, 4], clear where nothing was confused, for any ground."""
    strengths = _strengths(np.array(content.evaluation.confusion, dtype=np.int64))
    pixels = np.zeros((*strengths.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.rint(255 * np.sqrt(strengths))
    diagonal = np.arange(len(pixels))
    pixels[diagonal, diagonal] = (128, 128, 128, 90)
    return pixels


def _strengths(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    off_diagonal = counts.astype(np.float64)
    np.fill_diagonal(off_diagonal, 0)
    return np.asarray(off_diagonal / max(1.0, off_diagonal.max()))


def _worst(rows: tuple[ConfusionRow, ...], names: tuple[str, ...]) -> tuple[Confusion, ...]:
    confusions = [
        Confusion(actual=row.name, predicted=name, count=cell.count, strength=cell.strength)
        for row in rows
        for name, cell in zip(names, row.cells, strict=True)
        if cell.count and not cell.is_diagonal
    ]
    return tuple(sorted(confusions, key=lambda confusion: -confusion.count)[:_WORST])
