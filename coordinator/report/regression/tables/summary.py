"""The files for other programs: the summary table of predicted numbers as CSV, and all that was measured as JSON."""

import csv
import io

from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import KeptNumbers, doubts, error_gains, kept_rows, spreads
from deepchord.coordinator.report.regression.tables.columns import NumberRow, summary_rows
from deepchord.shared.messages import (
    Intervals,
    NumberGain,
    QuantileCalibration,
    ShiftedNumbers,
    SizedRegression,
    TargetScores,
    UnseenNumbers,
    VarianceScaling,
)
from deepchord.shared.validation import Message

#: Numbers may be of any size: so many significant digits are written.
_SIGNIFICANT = 6
#: The columns of the CSV, by the fields that they show.
_CSV = {
    "member": "Member",
    "target": "Target",
    "test_root_mean_squared_error": "Test RMSE",
    "test_mean_absolute_error": "Test MAE",
    "test_r_squared": "Test R2",
    "test_negative_log_likelihood": "Test NLL",
    "test_continuous_ranked_probability_score": "Test CRPS",
    "train_root_mean_squared_error": "Train RMSE",
    "train_r_squared": "Train R2",
    "train_negative_log_likelihood": "Train NLL",
    "kept_epoch": "Kept Epoch",
    "kept_validation_loss": "Kept Val Loss",
    "kept_validation_error": "Kept Val Error",
    "kept_train_loss": "Kept Train Loss",
    "kept_train_error": "Kept Train Error",
    "host": "Host",
    "engine": "Engine",
    "device": "Device",
    "seconds": "Seconds",
    "status": "Status",
    "error": "Error",
}


class TargetSummary(Message):
    """One number in the summary; errors are in its own unit, losses in nats."""

    name: str
    #: Of the training rows.
    mean: float
    standard_deviation: float
    #: Of the ensemble with its variance as it is, and on the test rows also with the scaled one.
    train: TargetScores
    test: TargetScores
    scaled_test: TargetScores | None
    average_member_test: TargetScores
    best_member_test_root_mean_squared_error: float
    #: By which share the ensemble's root mean squared error is lower than the average member's.
    gain_over_average: float
    #: The roots of the mean predicted variances on the test rows, scaled if that was possible: of the noise in the data
    #: and of the members' disagreement.
    aleatoric_deviation: float
    epistemic_deviation: float
    epistemic_share: float


class EnsembleSummary(Message):
    """The ensemble in the summary."""

    requested: int
    trained: int
    test_rows: int
    #: The largest difference between a member's own and the evaluating engine's outputs, in standard deviations.
    largest_parity: float | None
    targets: tuple[TargetSummary, ...]
    scaling: VarianceScaling | None
    intervals: tuple[Intervals, ...]
    quantiles: tuple[QuantileCalibration, ...]
    by_size: tuple[SizedRegression, ...]
    #: What one more member would bring; None: no row was held out by two.
    next_member: NumberGain | None = None
    #: Of a distilled run: the scores of the ensemble that it learnt from, of its average member, and of this run.
    kept: tuple[KeptNumbers, ...] | None = None
    #: What a study found about images or rows unlike those of the training, and about shifted test images.
    unseen: UnseenNumbers | None = None
    shifted: tuple[ShiftedNumbers, ...] | None = None


class Summary(Message):
    """All of `summary.json`, in six significant digits; `evaluation.json` and the records hold every digit."""

    title: str
    task: str = "regression"
    dataset: str
    ensemble: EnsembleSummary
    #: A row for each number and member, and below the members of each number their average and the ensemble.
    members: tuple[NumberRow, ...]
    #: Test rows that were trained on; what makes the result doubtful, and the likely causes.
    warnings: tuple[str, ...]


def summary(content: RegressionContent) -> Summary:
    """Return the summary as it lies in `summary.json`."""
    evaluation = content.evaluation
    found = Summary(
        title=content.title,
        dataset=content.dataset.name,
        ensemble=EnsembleSummary(
            requested=evaluation.requested,
            trained=evaluation.trained,
            test_rows=len(content.dataset.y_test),
            largest_parity=content.largest_parity,
            targets=_targets(content),
            scaling=evaluation.scaling,
            intervals=evaluation.intervals,
            quantiles=evaluation.quantiles,
            by_size=evaluation.by_size,
            next_member=evaluation.next_member,
            kept=kept_rows(content) or None,
            unseen=content.unseen,
            shifted=content.shifted or None,
        ),
        members=summary_rows(content),
        warnings=tuple(map(content.worded, doubts(content))),
    )
    return Summary.model_validate(_rounded(found.model_dump()))


def summary_json(content: RegressionContent) -> str:
    """Return the summary as JSON; what is not known is left out."""
    return summary(content).model_dump_json(indent=1, exclude_none=True) + "\n"


def summary_csv(content: RegressionContent) -> str:
    """Return the table as CSV: a line for each number and member, and for their average and the ensemble."""
    rows = summary(content).members
    fields = [field for field in _CSV if any(getattr(row, field) is not None for row in rows) or field == "error"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_CSV[field] for field in fields])
    for row in rows:
        writer.writerow(["" if (value := getattr(row, field)) is None else value for field in fields])
    return file.getvalue()


def _targets(content: RegressionContent) -> tuple[TargetSummary, ...]:
    evaluation, parts = content.evaluation, spreads(content)
    return tuple(
        TargetSummary(
            name=gain.target.name,
            mean=gain.target.mean,
            standard_deviation=gain.target.scale,
            train=evaluation.train[place],
            test=evaluation.test[place],
            scaled_test=evaluation.scaled_test[place] if evaluation.scaled_test else None,
            average_member_test=content.average_member(place),
            best_member_test_root_mean_squared_error=gain.best_member,
            gain_over_average=gain.fall,
            aleatoric_deviation=parts[place].aleatoric_deviation,
            epistemic_deviation=parts[place].epistemic_deviation,
            epistemic_share=parts[place].epistemic_share,
        )
        for place, gain in enumerate(error_gains(content))
    )


def _rounded(value: object) -> object:
    """Return a value, or all values in it, with six significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rounded(each) for each in value)
    return float(f"{value:.{_SIGNIFICANT}g}") if isinstance(value, float) else value
