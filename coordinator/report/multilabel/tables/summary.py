"""The files for other programs: the summary table of predicted labels as CSV, and all that was measured as JSON."""

import csv
import io

from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import doubts, label_lines
from deepchord.coordinator.report.multilabel.tables.columns import LabelMemberRow, member_rows, total_rows
from deepchord.shared.messages import Calibration, LabelBin, LabelLosses, LabelScores, SizedMultilabel
from deepchord.shared.validation import Message

#: Decimal places of numbers in the files; `evaluation.json` and the records hold every digit.
_DIGITS = 6
#: The columns of the CSV, by the fields that they show.
_CSV = {
    "member": "Member",
    "test_loss": "Test NLL",
    "test_hamming_loss": "Test Hamming Loss",
    "test_exact_match": "Test Exact Match",
    "test_micro_f1": "Test Micro F1",
    "test_macro_f1": "Test Macro F1",
    "test_brier_score": "Test Brier",
    "test_calibration_error": "Test ECE",
    "train_loss": "Train NLL",
    "train_hamming_loss": "Train Hamming Loss",
    "kept_epoch": "Kept Epoch",
    "kept_validation_loss": "Kept Val Loss",
    "kept_validation_hamming_loss": "Kept Val Hamming Loss",
    "kept_train_loss": "Kept Train Loss",
    "kept_train_hamming_loss": "Kept Train Hamming Loss",
    "host": "Host",
    "engine": "Engine",
    "device": "Device",
    "seconds": "Seconds",
    "status": "Status",
    "error": "Error",
}


class LabelSummary(Message):
    """One label in the summary; its scores are of the calibrated probabilities if there are some."""

    name: str
    #: To how many training rows it applies, and to which share of the test rows.
    train_rows: int
    prevalence: float
    f1: float | None
    area_under_roc: float | None
    negative_log_likelihood: float
    brier_score: float
    #: Mean entropies of the test rows, in nats.
    aleatoric_entropy: float
    epistemic_entropy: float


class EnsembleSummary(Message):
    """The ensemble in the summary."""

    requested: int
    trained: int
    test_rows: int
    #: The largest difference between a member's own and the evaluating engine's probabilities.
    largest_parity: float | None
    train: LabelLosses
    test: LabelScores
    calibrated_test: LabelScores | None
    calibration: Calibration | None
    labels: tuple[LabelSummary, ...]
    reliability: tuple[LabelBin, ...]
    calibrated_reliability: tuple[LabelBin, ...]
    by_size: tuple[SizedMultilabel, ...]


class Summary(Message):
    """All of `summary.json`."""

    title: str
    task: str = "multilabel"
    dataset: str
    ensemble: EnsembleSummary
    #: A row for each member, and below them their average and the ensemble.
    members: tuple[LabelMemberRow, ...]
    #: Test rows that were trained on; what makes the result doubtful, and the likely causes.
    warnings: tuple[str, ...]


def summary(content: MultilabelContent) -> Summary:
    """Return the summary as it lies in `summary.json`."""
    evaluation, rows = content.evaluation, member_rows(content).values()
    found = Summary(
        title=content.title,
        dataset=content.dataset.name,
        ensemble=EnsembleSummary(
            requested=evaluation.requested,
            trained=evaluation.trained,
            test_rows=len(content.dataset.y_test),
            largest_parity=content.largest_parity,
            train=evaluation.train,
            test=evaluation.test,
            calibrated_test=evaluation.calibrated_test,
            calibration=evaluation.calibration,
            labels=_labels(content),
            reliability=evaluation.reliability,
            calibrated_reliability=evaluation.calibrated_reliability,
            by_size=evaluation.by_size,
        ),
        members=(*rows, *total_rows(content, rows)),
        warnings=tuple(map(content.worded, doubts(content))),
    )
    return Summary.model_validate(_rounded(found.model_dump()))


def summary_json(content: MultilabelContent) -> str:
    """Return the summary as JSON; what is not known is left out."""
    return summary(content).model_dump_json(indent=1, exclude_none=True) + "\n"


def summary_csv(content: MultilabelContent) -> str:
    """Return the table as CSV: a line for each member, and for their average and the ensemble."""
    rows = summary(content).members
    fields = [field for field in _CSV if any(getattr(row, field) is not None for row in rows) or field == "error"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_CSV[field] for field in fields])
    for row in rows:
        writer.writerow(["" if (value := getattr(row, field)) is None else value for field in fields])
    return file.getvalue()


def _labels(content: MultilabelContent) -> tuple[LabelSummary, ...]:
    return tuple(
        LabelSummary(
            name=line.name,
            train_rows=line.train_rows,
            prevalence=line.prevalence,
            f1=line.f1,
            area_under_roc=line.area_under_roc,
            negative_log_likelihood=line.negative_log_likelihood,
            brier_score=line.brier_score,
            aleatoric_entropy=line.aleatoric,
            epistemic_entropy=line.epistemic,
        )
        for line in label_lines(content)
    )


def _rounded(value: object) -> object:
    """Return a value, or all values in it, with six decimal places."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rounded(each) for each in value)
    return round(value, _DIGITS) if isinstance(value, float) else value
