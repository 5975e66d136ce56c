"""What makes a result doubtful, in sentences: test images that leak, an accuracy as by guessing, one class only."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import EnsembleContent, ReportContent, member_list, percent
from deepchord.shared.datasets import OVERLAP
from deepchord.shared.uncertainty import class_scores

#: An accuracy is doubtful if it is above that of guessing by at most the smaller of these two: so many standard errors,
#: or this share. Without the second, few test images would make every result doubtful.
_STANDARD_ERRORS = 2.0
_MOST_ABOVE = 0.05
#: Another order of the classes is named as a cause if it has at least this accuracy.
_REORDERED = 0.5


def doubts(content: ReportContent) -> tuple[str, ...]:
    """Return what makes the result doubtful and the likely causes, a sentence each; empty if nothing does.

    Test images that were trained on come first: they make a result better than it is.
    """
    return (*leaks(content), *_poor_results(content))


def leaks(content: EnsembleContent) -> tuple[str, ...]:
    """Return what is known of test images that were trained on, a sentence each."""
    return tuple(finding.text for finding in content.dataset.findings if finding.kind == OVERLAP)


def _poor_results(content: ReportContent) -> tuple[str, ...]:
    counts = np.asarray(content.evaluation.confusion)
    of_classes = counts.sum(axis=1)
    if np.count_nonzero(of_classes) < 2:  # with one class in the test images, naming it is always right
        return ()
    reasons = [*_constant(content), *_guessing(content, of_classes)]
    if not reasons:
        return ()
    reordered = () if content.records else _reordered(counts)
    return (*reasons, *reordered, _causes(content))


def _constant(content: ReportContent) -> Iterable[str]:
    members = content.member_evaluations
    names = [content.name(index) for index, member in members.items() if member.predicted_classes == 1]
    if names and len(names) == len(members):
        yield f"{'Each member names' if len(names) > 1 else 'The member names'} one class only, for every test image."
    elif names:
        yield f"{member_list(names)} {'name' if len(names) > 1 else 'names'} one class only, for every test image."


def _guessing(content: ReportContent, of_classes: NDArray[np.int64]) -> Iterable[str]:
    size = int(of_classes.sum())
    guessed = int(of_classes.max()) / size
    reached = guessed + _margin(guessed, size)
    # Where one class is frequent, an accuracy below that of naming it may well tell the classes apart.
    balanced = _balanced_by_guessing(of_classes)
    naming = f"naming the most frequent class for every test image is right about {percent(guessed)}"
    scores = class_scores(content.evaluation.confusion)
    if content.evaluation.test.accuracy <= reached and scores.balanced_accuracy <= balanced:
        yield (
            f"The ensemble's test accuracy of {percent(content.evaluation.test.accuracy)} is not clearly better than "
            f"guessing: {naming}."
        )
        return
    names = [
        content.name(index)
        for index, member in content.member_evaluations.items()
        if member.test.accuracy <= reached
        and (member.balanced is None or member.balanced.balanced_accuracy <= balanced)
    ]
    if names:
        yield f"{member_list(names)} {'are' if len(names) > 1 else 'is'} not clearly better than guessing: {naming}."


def _margin(share: float, images: int) -> float:
    return min(_MOST_ABOVE, _STANDARD_ERRORS * float(np.sqrt(share * (1 - share) / images)))


def _balanced_by_guessing(of_classes: NDArray[np.int64]) -> float:
    """Return the highest balanced accuracy that guessing is likely to reach.

    Naming one class always has one over the number of classes; that of guesses varies with the images of each class.
    """
    tested = of_classes[of_classes > 0]
    share = 1 / len(tested)
    error = np.sqrt((share * (1 - share) / tested).sum()) / len(tested)
    return share + max(_MOST_ABOVE, _STANDARD_ERRORS * float(error))


def _reordered(counts: NDArray[np.int64]) -> Iterable[str]:
    """Yield the accuracy with the classes in another order, if each class has a most frequent prediction of its own."""
    classes = np.flatnonzero(counts.sum(axis=1))
    taken_for = counts[classes].argmax(axis=1)
    if len(np.unique(taken_for)) < len(classes) or np.array_equal(taken_for, classes):
        return
    share = int(counts[classes, taken_for].sum()) / int(counts.sum())
    if share >= _REORDERED:
        yield (
            f"With its classes in another order it would be right about {percent(share)}: compare class_names with the "
            "order in the training."
        )


def _causes(content: ReportContent) -> str:
    if content.dataset.table is not None:
        return (
            "Likely causes: columns that tell nothing of the classes; labels that do not belong to their rows; a "
            "learning rate that is too high or too few epochs."
        )
    pixels = content.dataset.pixels
    if pixels.type == "uint8":
        values = "whole numbers are divided by 255 here"
    else:
        values = f"floats are used as they are, here from {pixels.lowest:g} to {pixels.highest:g}"
    if content.records:
        return (
            "Likely causes: a learning rate that is too high or too few epochs; labels that do not belong to their "
            f"images; values far from those between 0 and 1 ({values})."
        )
    return (
        f"Likely causes: images that were scaled otherwise in the training, 0 to 1 against 0 to 255 ({values}); "
        "another order of the classes; other preprocessing; another network."
    )
