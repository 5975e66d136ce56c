"""The confusion matrix as it is shown, and the classes that are confused most often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.findings.pictures import Pixels

#: With more classes than this the counts no longer fit, and the matrix becomes a picture.
MAX_CLASSES_WITH_COUNTS = 25
#: How many confusions are named.
_WORST = 8


@dataclass(frozen=True, kw_only=True)
class ConfusionCell:
    """How many images of one class were predicted to be of another."""

    count: int
    #: The count as a share of the largest off the diagonal, in [0, 1].
    strength: float
    is_diagonal: bool


@dataclass(frozen=True, kw_only=True)
class ConfusionRow:
    """An actual class."""

    name: str
    #: Empty where the counts do not fit onto the page.
    cells: tuple[ConfusionCell, ...]
    #: How many test images the class has, and how many of them the ensemble gets right.
    images: int
    right: int

    @property
    def recall(self) -> float | None:
        """The share of the class's test images that the ensemble gets right; None if it has none."""
        return self.right / self.images if self.images else None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """An actual class and another class that was predicted for it."""

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
    def hardest(self) -> tuple[ConfusionRow, ...]:
        """The classes with the lowest recall, of those that have test images."""
        return self._with_recall(min)

    @property
    def easiest(self) -> tuple[ConfusionRow, ...]:
        """The classes with the highest recall, of those that have test images."""
        return self._with_recall(max)

    @property
    def untested(self) -> int:
        """How many classes have no test image."""
        return sum(row.images == 0 for row in self.rows)

    def _with_recall(self, extreme: Callable[[Iterable[float]], float]) -> tuple[ConfusionRow, ...]:
        recall = extreme(row.recall for row in self.rows if row.recall is not None)
        return tuple(row for row in self.rows if row.recall == recall)


def confusion_matrix(content: ReportContent) -> ConfusionMatrix:
    """Return the matrix of the evaluation; the largest count off the diagonal has the strength 1."""
    counts = np.array(content.evaluation.confusion, dtype=np.int64)
    names = content.dataset.class_names
    strengths, totals = confusion_strengths(content), counts.sum(axis=1)
    columns = range(len(names) if len(names) <= MAX_CLASSES_WITH_COUNTS else 0)
    rows = tuple(
        ConfusionRow(
            name=name,
            cells=tuple(
                ConfusionCell(
                    count=int(counts[row, column]),
                    strength=float(strengths[row, column]),
                    is_diagonal=row == column,
                )
                for column in columns
            ),
            images=int(totals[row]),
            right=int(counts[row, row]),
        )
        for row, name in enumerate(names)
    )
    return ConfusionMatrix(
        class_names=names,
        rows=rows,
        worst=_worst(counts, strengths, names),
        images=int(totals.sum()),
        errors=int(totals.sum() - counts.trace()),
    )


def confusion_strengths(content: ReportContent) -> NDArray[np.float64]:
    """Return the counts [classes, classes] as shares of the largest off the diagonal, in [0, 1]; 0 on the diagonal."""
    off_diagonal = np.array(content.evaluation.confusion, dtype=np.float64)
    np.fill_diagonal(off_diagonal, 0)
    return np.asarray(off_diagonal / max(1.0, off_diagonal.max()))


def confusion_pixels(content: ReportContent, colour: tuple[int, int, int]) -> Pixels:
    """Return the matrix as an RGBA picture [classes, classes, 4]: grey diagonal, transparent without confusions."""
    strengths = confusion_strengths(content)
    pixels = np.zeros((*strengths.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.rint(255 * np.sqrt(strengths))
    diagonal = np.arange(len(pixels))
    pixels[diagonal, diagonal] = (128, 128, 128, 90)
    return pixels


def _worst(counts: NDArray[np.int64], strengths: NDArray[np.float64], names: tuple[str, ...]) -> tuple[Confusion, ...]:
    places = np.argsort(-strengths, axis=None, kind="stable")[:_WORST]
    return tuple(
        Confusion(
            actual=names[row],
            predicted=names[column],
            count=int(counts[row, column]),
            strength=float(strengths[row, column]),
        )
        for row, column in zip(*np.unravel_index(places, strengths.shape), strict=True)
        if strengths[row, column]
    )
