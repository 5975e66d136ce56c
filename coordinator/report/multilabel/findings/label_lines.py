"""The scores of each label, the ones that are predicted worst at the end."""

from dataclasses import dataclass

from deepchord.coordinator.report.multilabel.content import MultilabelContent


@dataclass(frozen=True, kw_only=True)
class LabelLine:
    """One label."""

    name: str
    #: To how many of the training rows it applies, and the share of the test rows.
    train_rows: int
    prevalence: float
    #: None: it applies to no test row.
    f1: float | None
    #: None: it applies to no test row, or to all.
    area_under_roc: float | None
    #: Of the calibrated probabilities if there are some.
    negative_log_likelihood: float
    brier_score: float
    #: Mean entropies over the test rows, in nats: what more members would not remove, and what they disagree about.
    aleatoric: float
    epistemic: float


def label_lines(content: MultilabelContent) -> tuple[LabelLine, ...]:
    """Return a line for each label, in the order of the data set."""
    measured = content.probabilities.test_uncertainty
    expected, disagreed = measured.expected_entropy.mean(axis=0), measured.mutual_information.mean(axis=0)
    counts = content.dataset.y_train.sum(axis=0, dtype=int).tolist()
    return tuple(
        LabelLine(
            name=name,
            train_rows=counts[place],
            prevalence=found.prevalence,
            f1=found.f1,
            area_under_roc=found.area_under_roc,
            negative_log_likelihood=found.negative_log_likelihood,
            brier_score=found.brier_score,
            aleatoric=float(expected[place]),
            epistemic=float(disagreed[place]),
        )
        for place, (name, found) in enumerate(zip(content.labels, content.evaluation.best_labels, strict=True))
    )
