"""What a study found of predicted numbers: what is unlike the training, and what becomes of shifted images."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from deepchord.coordinator.report.content import percent
from deepchord.coordinator.report.findings import DETECTION_MEASURES, SHIFT_NAMES, ShiftCurve, ShiftLine
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.gains import overall_error, standardised_loss
from deepchord.coordinator.report.regression.findings.target_rows import LEVEL, shown_of_all
from deepchord.coordinator.report.regression.findings.units import in_deviations
from deepchord.shared.messages import ShiftedNumbers
from deepchord.shared.regression import LEVELS

_LEVEL_PLACE = LEVELS.index(LEVEL)


@dataclass(frozen=True, kw_only=True)
class NumberShiftCell:
    """The ensemble on images shifted in one way."""

    #: The error in the number's own unit, or over several numbers in standard deviations.
    error: str
    #: The share of the numbers in the interval that is shown.
    coverage: float


@dataclass(frozen=True, kw_only=True)
class NumberShiftRow:
    """Error and coverage on images shifted in one way, by strength."""

    kind: str
    cells: tuple[NumberShiftCell, ...]


def unseen_sentence(content: RegressionContent) -> str:
    """Return how well unseen images are told from the test images; empty if there were none."""
    unseen = content.unseen
    if unseen is None:
        return ""
    best = unseen.best
    return (
        f"Of images of {unseen.name} the ensemble predicts a standard deviation of "
        f"{in_deviations(unseen.deviation, content.targets)}, of the test images one of "
        f"{in_deviations(unseen.test_deviation, content.targets)} (roots of the mean variances). By "
        f"{DETECTION_MEASURES[best.measure].lower()} an unseen image looks stranger than a test image in "
        f"{percent(best.area_under_roc, 1)} of all pairs; a threshold that finds 95\u00a0% of the unseen ones also "
        f"turns away {percent(best.false_positive_rate_at_95, 1)} of the test images."
    )


def shift_sentence(content: RegressionContent) -> str:
    """Return what the strongest shifts do, averaged over their kinds; empty if none were looked at."""
    if not content.shifted:
        return ""
    strongest = max(each.strength for each in content.shifted)
    found = [each for each in content.shifted if each.strength == strongest]
    error = in_deviations(fmean(each.mean.root_mean_squared_error for each in found), content.targets)
    alone = in_deviations(fmean(each.members.root_mean_squared_error for each in found), content.targets)
    covered = fmean(_covered(content, each) for each in found)
    return (
        f"Test images shifted as strongly as was tried: RMSE {error} on average over the {len(found)} kinds ({alone} "
        f"for the average member); intervals of {percent(LEVEL, 0)} ({shown_of_all(content.evaluation).method}) hold "
        f"{percent(covered, 1)} of the numbers"
    )


def shift_curves(content: RegressionContent) -> tuple[ShiftCurve, ...]:
    """Return error, loss and coverage by the strength of the shifts; nothing if none were looked at."""
    if not content.shifted:
        return ()
    return (
        ShiftCurve(title="Error by strength (standard deviations)", is_share=False, lines=_error_lines(content)),
        ShiftCurve(title="Loss by strength (nats)", is_share=False, lines=_loss_lines(content)),
        ShiftCurve(
            title=f"In intervals of {percent(LEVEL, 0)} by strength", is_share=True, lines=_coverage_lines(content)
        ),
    )


def shift_rows(content: RegressionContent) -> tuple[NumberShiftRow, ...]:
    """Return error and coverage by kind of shift."""
    return tuple(
        NumberShiftRow(
            kind=SHIFT_NAMES[kind],
            cells=tuple(
                NumberShiftCell(
                    error=in_deviations(each.mean.root_mean_squared_error, content.targets),
                    coverage=_covered(content, each),
                )
                for each in of_kind
            ),
        )
        for kind, of_kind in groupby(content.shifted, key=lambda each: each.kind)
    )


def _error_lines(content: RegressionContent) -> tuple[ShiftLine, ...]:
    evaluation = content.evaluation
    alone = fmean(overall_error(member.test, content.targets) for member in evaluation.members)
    return (
        _line(content, "members", alone, lambda each: each.members.root_mean_squared_error),
        _line(
            content,
            "predicted",
            overall_error(evaluation.test, content.targets),
            lambda each: each.mean.root_mean_squared_error,
        ),
    )


def _loss_lines(content: RegressionContent) -> tuple[ShiftLine, ...]:
    evaluation, targets = content.evaluation, content.targets
    alone = fmean(standardised_loss(member.test, targets) for member in evaluation.members)
    at_rest = standardised_loss(evaluation.test, targets)
    lines = [
        _line(content, "members", alone, lambda each: each.members.negative_log_likelihood),
        _line(content, "predicted", at_rest, lambda each: each.mean.negative_log_likelihood),
    ]
    if evaluation.scaled_test:
        scaled = standardised_loss(evaluation.scaled_test, targets)
        lines.append(_line(content, "scaled", scaled, lambda each: (each.scaled or each.mean).negative_log_likelihood))
    return tuple(lines)


def _coverage_lines(content: RegressionContent) -> tuple[ShiftLine, ...]:
    predicted = next(each for each in content.evaluation.intervals if (each.method, each.level) == ("predicted", LEVEL))
    shown = shown_of_all(content.evaluation)
    lines = [_line(content, "predicted", fmean(predicted.coverage), lambda each: each.mean.coverage[_LEVEL_PLACE])]
    if shown != predicted:
        lines.append(_line(content, shown.method, fmean(shown.coverage), lambda each: _covered(content, each)))
    return tuple(lines)


def _line(content: RegressionContent, kind: str, at_rest: float, value: Callable[[ShiftedNumbers], float]) -> ShiftLine:
    """Return a line; its first value is that of the test images as they are."""
    strengths = sorted({each.strength for each in content.shifted})
    values = [fmean(value(each) for each in content.shifted if each.strength == strength) for strength in strengths]
    return ShiftLine(kind=kind, values=(at_rest, *values))


def _covered(content: RegressionContent, shifted: ShiftedNumbers) -> float:
    """Return the share of the numbers in the interval that is shown."""
    method = shown_of_all(content.evaluation).method
    if method == "conformal":
        return shifted.conformal_coverage[_LEVEL_PLACE]
    scores = shifted.scaled if method == "scaled" and shifted.scaled is not None else shifted.mean
    return scores.coverage[_LEVEL_PLACE]
