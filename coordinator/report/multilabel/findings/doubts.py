"""What makes predicted labels doubtful, in sentences: leaks, no better than always the same answer, few rows."""

from collections.abc import Iterable

import numpy as np

from deepchord.coordinator.report.content import count, isolated
from deepchord.coordinator.report.findings import leaks
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.shared.multilabel import label_results

#: Scores of fewer test rows than this vary a lot from one draw of them to the next.
_FEW_ROWS = 30
#: So many labels are named.
_NAMED = 4


def doubts(content: MultilabelContent) -> tuple[str, ...]:
    """Return what makes the result doubtful, a sentence each; empty if nothing does.

    Test rows that were trained on come first: they make a result better than it is.
    """
    return (*leaks(content), *_no_better_than_frequency(content), *_unmeasured(content), *_few_rows(content))


def _no_better_than_frequency(content: MultilabelContent) -> Iterable[str]:
    """Yield labels whose probabilities tell no more than how often each label applies in the training rows."""
    dataset = content.dataset
    shares = np.broadcast_to(dataset.y_train.mean(axis=0), dataset.y_test.shape)
    usual = label_results(shares, dataset.y_test)
    both = zip(content.labels, content.evaluation.best_labels, usual, strict=True)
    poor = [
        name
        for name, found, known in both
        if 0 < found.prevalence < 1 and found.negative_log_likelihood >= known.negative_log_likelihood
    ]
    if poor:
        yield (
            f"{_named(poor)} predicted no better than by its frequency: saying for each test image how often it "
            "applies to the training images has no higher loss. Likely causes: inputs that tell nothing of it; too few "
            "images to which it applies; a learning rate that is too high or too few epochs."
        )


def _unmeasured(content: MultilabelContent) -> Iterable[str]:
    both = zip(content.labels, content.evaluation.labels, strict=True)
    absent = [name for name, found in both if found.prevalence == 0]
    if absent:
        yield f"{_named(absent)} not tested: it applies to no test image, and F1 and ROC-AUC leave it out."


def _few_rows(content: MultilabelContent) -> Iterable[str]:
    rows = len(content.dataset.y_test)
    if rows < _FEW_ROWS:
        yield f"There are only {count(rows, 'test image')}: other ones may give quite other scores."


def _named(names: list[str]) -> str:
    """Return the first of some labels as the beginning of a sentence about each of them."""
    if len(names) == 1:
        return f"Label {isolated(names[0])} is"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"Each of the labels {', '.join(map(isolated, names[:_NAMED]))}{more} is"
