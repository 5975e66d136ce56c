"""The files for other programs: the summary table as CSV, and as JSON together with the ensemble's scores."""

import csv
import io

from deepchord.coordinator.report.content import ACCURACY_DIGITS, LOSS_DIGITS, ReportContent
from deepchord.coordinator.report.findings import (
    KeptRow,
    accuracy_interval,
    balanced_scores,
    confusion_matrix,
    doubts,
    kept_rows,
)
from deepchord.coordinator.report.tables.columns import SummaryRow, columns, summary_rows
from deepchord.shared.messages import (
    Calibration,
    ConformalSets,
    MemberGain,
    ProbabilityScores,
    SelectivePrediction,
    ShiftedScores,
    SizedEnsemble,
    UnseenScores,
)
from deepchord.shared.validation import Message


class UncertaintySummary(Message):
    """How far the ensemble's probabilities can be trusted; the members' scores are in their rows."""

    #: Of the mean of the members' probabilities, and of the calibrated mean; None: there is nothing to calibrate on.
    mean: ProbabilityScores
    calibrated: ProbabilityScores | None = None
    calibration: Calibration | None = None
    conformal: tuple[ConformalSets, ...]
    selective: SelectivePrediction
    #: The mean scores of ensembles of one member up to all kept members, sorted by size; see `SizedEnsemble`.
    by_size: tuple[SizedEnsemble, ...] = ()
    by_size_held_out: tuple[SizedEnsemble, ...] = ()
    #: What one more member would bring; None: no image was held out by two.
    next_member: MemberGain | None = None


class ClassSummary(Message):
    """How well the ensemble tells one class, on the test images; None: it is not known."""

    name: str
    test_images: int
    #: The share of the images predicted to be of the class that are; None: none was.
    precision: float | None
    #: The share of the class's images that are predicted to be of it, and the harmonic mean of both; None: it has none.
    recall: float | None
    f1: float | None


class EnsembleSummary(Message):
    """The ensemble in the summary: its scores and what it gains over its members."""

    requested: int
    trained: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    #: How many test images there are, how many are classified right, and Wilson's 95 % interval of the accuracy.
    test_images: int
    test_images_right: int
    test_accuracy_low: float
    test_accuracy_high: float
    #: Every class counts the same: the mean recall and F1 of the classes that have test images, and of two classes the
    #: area under the ROC curve.
    test_balanced_accuracy: float
    test_macro_f1: float
    test_area_under_roc: float | None
    average_member_test_loss: float
    average_member_test_accuracy: float
    best_member_test_accuracy: float
    gain_over_average: float
    gain_over_best: float
    #: Largest difference between a member's own and the evaluating engine's probabilities.
    largest_parity: float | None
    #: None: an earlier version did not measure it.
    uncertainty: UncertaintySummary | None = None
    #: Of a distilled run: the scores of the ensemble that it learnt from, of its average member, and of this run.
    kept: tuple[KeptRow, ...] | None = None
    #: What a study found about images of other kinds, and about shifted test images.
    unseen: UnseenScores | None = None
    shifted: tuple[ShiftedScores, ...] | None = None
    #: In the order of the data set.
    classes: tuple[ClassSummary, ...]


class Summary(Message):
    """All of `summary.json`, rounded as the table is; `evaluation.json` and the records hold every digit."""

    title: str
    dataset: str
    ensemble: EnsembleSummary
    members: tuple[SummaryRow, ...]
    average: SummaryRow
    #: Test images that were trained on; what makes the result doubtful, and the likely causes.
    warnings: tuple[str, ...]


def summary(content: ReportContent) -> Summary:
    """Return the summary as it lies in `summary.json`."""
    *members, average = summary_rows(content)
    evaluation, interval = content.evaluation, accuracy_interval(content)
    balanced = balanced_scores(content)
    ensemble = EnsembleSummary(
        requested=evaluation.requested,
        trained=evaluation.trained,
        train_loss=round(evaluation.train.loss, LOSS_DIGITS),
        train_accuracy=round(evaluation.train.accuracy, ACCURACY_DIGITS),
        test_loss=round(evaluation.test.loss, LOSS_DIGITS),
        test_accuracy=round(evaluation.test.accuracy, ACCURACY_DIGITS),
        test_images=interval.images,
        test_images_right=interval.right,
        test_accuracy_low=round(interval.low, ACCURACY_DIGITS),
        test_accuracy_high=round(interval.high, ACCURACY_DIGITS),
        test_balanced_accuracy=round(balanced.balanced_accuracy, ACCURACY_DIGITS),
        test_macro_f1=round(balanced.macro_f1, ACCURACY_DIGITS),
        test_area_under_roc=_rounded_share(balanced.area_under_roc),
        average_member_test_loss=round(content.mean_member_loss, LOSS_DIGITS),
        average_member_test_accuracy=round(evaluation.mean_member_accuracy, ACCURACY_DIGITS),
        best_member_test_accuracy=round(evaluation.best_member_accuracy, ACCURACY_DIGITS),
        gain_over_average=round(content.gain_over_average, ACCURACY_DIGITS),
        gain_over_best=round(content.gain_over_best, ACCURACY_DIGITS),
        largest_parity=content.largest_parity,
        uncertainty=_uncertainty(content),
        kept=kept_rows(content) or None,
        unseen=None if content.unseen is None else UnseenScores.model_validate(_rounded(content.unseen.model_dump())),
        shifted=tuple(ShiftedScores.model_validate(_rounded(each.model_dump())) for each in content.shifted) or None,
        classes=tuple(
            ClassSummary(
                name=row.name,
                test_images=row.images,
                precision=_rounded_share(row.precision),
                recall=_rounded_share(row.recall),
                f1=_rounded_share(row.f1),
            )
            for row in confusion_matrix(content).rows
        ),
    )
    return Summary(
        title=content.title,
        dataset=content.dataset.name,
        ensemble=ensemble,
        members=tuple(members),
        average=average,
        warnings=doubts(content),
    )


def summary_csv(content: ReportContent) -> str:
    """Return the table as CSV; of a run also each member's status and last error."""
    shown = columns(content)
    more = ["status", "error"] if content.records else []
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*(column.label for column in shown), *(field.capitalize() for field in more)])
    for row in summary_rows(content):
        writer.writerow([*(column.text(row) for column in shown), *(getattr(row, field) or "" for field in more)])
    return file.getvalue()


def summary_json(content: ReportContent) -> str:
    """Return the summary as JSON; what is not known is left out."""
    return summary(content).model_dump_json(indent=1, exclude_none=True) + "\n"


def _uncertainty(content: ReportContent) -> UncertaintySummary | None:
    found = content.evaluation.uncertainty
    if found is None:
        return None
    known = found.model_dump(include=set(UncertaintySummary.model_fields))
    return UncertaintySummary.model_validate(_rounded(known))


def _rounded_share(share: float | None) -> float | None:
    return None if share is None else round(share, ACCURACY_DIGITS)


def _rounded(value: object) -> object:
    """Return a value, or all values in it, rounded as losses are."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rounded(each) for each in value)
    return round(value, LOSS_DIGITS) if isinstance(value, float) else value
