"""The section about trust: the scores before and after calibration, and what is drawn and written around them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, percent, percent_range
from deepchord.coordinator.report.findings import (
    ConformalTable,
    DetectionRow,
    ShiftRow,
    abstention_sentence,
    conformal_table,
    detection_rows,
    shift_rows,
)
from deepchord.coordinator.report.page.charts import Chart, trust_charts
from deepchord.coordinator.report.page.gallery import ImageCard, confident_mistakes, uncertain_images
from deepchord.coordinator.report.page.study_charts import shift_charts, size_charts
from deepchord.shared.messages import EnsembleUncertainty, ProbabilityScores


@dataclass(frozen=True, kw_only=True)
class ScoreCell:
    """A score with its interval."""

    value: str
    #: Empty for a mean over members.
    interval: str
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """The scores of one kind of probabilities, in the order of the headings."""

    name: str
    cells: tuple[ScoreCell, ...]


@dataclass(frozen=True, kw_only=True)
class AnsweredShare:
    """How many images are answered if at most a given share of the answers may be wrong."""

    sentence: str
    #: Of the test images, in [0, 1].
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Trust:
    """All that the section shows."""

    headings: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    charts: tuple[Chart, ...]
    #: The scores by the number of members; empty for a single one.
    sizes: tuple[Chart, ...]
    #: Of a study: how well unseen images are told from test images, and what becomes of shifted ones.
    detection: tuple[DetectionRow, ...]
    shifts: tuple[Chart, ...]
    shift_rows: tuple[ShiftRow, ...]
    answered: tuple[AnsweredShare, ...]
    conformal: ConformalTable | None
    uncertain: tuple[ImageCard, ...]
    confident_mistakes: tuple[ImageCard, ...]


def _loss(value: float) -> str:
    return f"{value:.{LOSS_DIGITS}f}"


def _loss_range(low: float, high: float) -> str:
    return f"{_loss(low)} to {_loss(high)}"


@dataclass(frozen=True, kw_only=True)
class _Score:
    """A column of the table of scores."""

    heading: str
    field: str
    text: Callable[[float], str] = percent
    range_text: Callable[[float, float], str] = percent_range


_SCORES = (
    _Score(heading="Loss", field="negative_log_likelihood", text=_loss, range_text=_loss_range),
    _Score(heading="Brier score", field="brier_score", text=_loss, range_text=_loss_range),
    _Score(heading="Calibration error", field="expected_calibration_error"),
    _Score(heading="Adaptive", field="adaptive_calibration_error"),
    _Score(heading="Class-wise", field="classwise_calibration_error"),
)


def trust(content: ReportContent) -> Trust | None:
    """Return what the section shows; None if the evaluation did not measure it."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return None
    return Trust(
        headings=tuple(score.heading for score in _SCORES),
        scores=_rows(uncertainty),
        charts=trust_charts(content),
        sizes=size_charts(content),
        detection=detection_rows(content),
        shifts=shift_charts(content),
        shift_rows=shift_rows(content),
        answered=tuple(
            AnsweredShare(sentence=abstention_sentence(each), coverage=each.coverage)
            for each in uncertainty.selective.abstentions
        ),
        conformal=conformal_table(content),
        uncertain=uncertain_images(content),
        confident_mistakes=confident_mistakes(content),
    )


def _rows(uncertainty: EnsembleUncertainty) -> tuple[ScoreRow, ...]:
    """Return the rows: of the average member, of the mean and, if there is one, of the calibrated mean."""
    members = [member.scores for member in uncertainty.members]
    kinds = {"Average member": members} if len(members) > 1 else {}
    kinds["Mean of the members" if kinds else "The member"] = [uncertainty.mean]
    if uncertainty.calibrated is not None:
        kinds["Calibrated"] = [uncertainty.calibrated]
    columns = [_cells(score, kinds.values()) for score in _SCORES]
    return tuple(ScoreRow(name=name, cells=tuple(cells)) for name, *cells in zip(kinds, *columns, strict=True))


def _cells(score: _Score, kinds: Iterable[Sequence[ProbabilityScores]]) -> list[ScoreCell]:
    """Return the cells of a column: of each kind of probabilities the mean of its scores, with the interval of one."""
    estimates = [[getattr(scores, score.field) for scores in kind] for kind in kinds]
    values = [fmean(estimate.value for estimate in found) for found in estimates]
    return [
        ScoreCell(
            value=score.text(value),
            interval=score.range_text(found[0].low, found[0].high) if len(found) == 1 else "",
            is_best=len(values) > 1 and value == min(values),
        )
        for value, found in zip(values, estimates, strict=True)
    ]
