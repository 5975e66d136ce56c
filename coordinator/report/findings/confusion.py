"""The confusion matrix as it is shown, how well each class is told, and the classes that are confused most often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.coordinator.report.findings.pictures import Pixels
from deepchord.shared.messages import BalancedScores
from deepchord.shared.uncertainty import area_under_roc, class_scores

#: The sizes of two classes differ if one has this many times the test images of the other: below that the scores in
#: which every class counts the same hardly tell more than the others.
_UNEVEN = 1.5
#: With more classes than this the counts no longer fit, and the matrix becomes a picture.
MAX_CLASSES_WITH_COUNTS = 25
#: In a picture of more classes each point stands for several of them: smaller points could not be seen on a screen.
_MAX_POINTS = 320
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
    #: The share of the images predicted to be of the class that are; None: none was.
    precision: float | None
    #: The harmonic mean of precision and recall; None: the class has no test images.
    f1: float | None

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
    #: The classes whose scores fit onto the page: all of them, or those with the lowest F1, lowest first.
    scored: tuple[ConfusionRow, ...]
    #: How many test images there are, and how many of them the ensemble gets wrong.
    images: int
    errors: int

    @property
    def has_counts(self) -> bool:
        """Whether the counts fit onto the page."""
        return len(self.class_names) <= MAX_CLASSES_WITH_COUNTS

    @property
    def classes_per_point(self) -> int:
        """How many classes a point of the picture stands for, in each direction."""
        return -(-len(self.class_names) // _MAX_POINTS)

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
    strengths, scores = confusion_strengths(content), class_scores(counts)
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
            images=int(scores.support[row]),
            right=int(counts[row, row]),
            precision=_known(scores.precision[row]),
            f1=_known(scores.f1[row]),
        )
        for row, name in enumerate(names)
    )
    return ConfusionMatrix(
        class_names=names,
        rows=rows,
        worst=_worst(counts, strengths, names),
        scored=_scored(rows),
        images=int(counts.sum()),
        errors=int(counts.sum() - counts.trace()),
    )


def balanced_scores(content: ReportContent) -> BalancedScores:
    """Return the scores in which every class counts the same; of an earlier version's evaluation they are computed."""
    if content.evaluation.balanced is not None:
        return content.evaluation.balanced
    scores = class_scores(content.evaluation.confusion)
    return BalancedScores(
        balanced_accuracy=scores.balanced_accuracy,
        macro_f1=scores.macro_f1,
        area_under_roc=area_under_roc(content.probabilities.test, content.dataset.y_test),
    )


def has_uneven_classes(content: ReportContent) -> bool:
    """Return whether some class has clearly more test images than another one; classes without any do not count."""
    sizes = [size for size in map(sum, content.evaluation.confusion) if size]
    return max(sizes) >= _UNEVEN * min(sizes)


def balance_sentence(content: ReportContent) -> str:
    """Return the scores in which every class counts the same; empty where they say nothing new."""
    scores = balanced_scores(content)
    if scores.area_under_roc is None and not has_uneven_classes(content):
        return ""
    area = "" if scores.area_under_roc is None else f", ROC-AUC {scores.area_under_roc:.4f}"
    return (
        f"Balanced accuracy {percent(scores.balanced_accuracy)}, macro F1 {percent(scores.macro_f1)}{area}: "
        "here every class counts the same"
    )


def confusion_strengths(content: ReportContent) -> NDArray[np.float64]:
    """Return the counts [classes, classes] as shares of the largest off the diagonal, in [0, 1]; 0 on the diagonal."""
    off_diagonal = np.array(content.evaluation.confusion, dtype=np.float64)
    np.fill_diagonal(off_diagonal, 0)
    return np.asarray(off_diagonal / max(1.0, off_diagonal.max()))


def confusion_pixels(content: ReportContent, colour: tuple[int, int, int], classes_per_point: int = 1) -> Pixels:
    """Return the matrix as an RGBA picture: grey diagonal, transparent without confusions.

    Args:
        content: What is reported.
        colour: Of the confusions.
        classes_per_point: How many classes a point stands for; its colour is that of the confusions among them.

    Returns:
        [points, points, 4], where points is the number of classes divided by those of a point, rounded up.
    """
    strengths = confusion_strengths(content)
    missing = -len(strengths) % classes_per_point
    points = (len(strengths) + missing) // classes_per_point
    padded = np.pad(strengths, (0, missing)).reshape(points, classes_per_point, points, classes_per_point)
    summed = padded.sum(axis=(1, 3))
    pixels = np.zeros((points, points, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.rint(255 * np.sqrt(summed / max(summed.max(), 1e-12)))
    diagonal = np.arange(points)
    is_clear = summed[diagonal, diagonal] == 0
    pixels[diagonal[is_clear], diagonal[is_clear]] = (128, 128, 128, 90)
    return pixels


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _scored(rows: tuple[ConfusionRow, ...]) -> tuple[ConfusionRow, ...]:
    if len(rows) <= MAX_CLASSES_WITH_COUNTS:
        return rows
    tested = [(row.f1, place) for place, row in enumerate(rows) if row.f1 is not None]
    return tuple(rows[place] for _, place in sorted(tested)[:MAX_CLASSES_WITH_COUNTS])


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
