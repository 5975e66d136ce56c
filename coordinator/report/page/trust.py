"""The section about trust: the scores before and after calibration, and what is drawn and written around them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, percent, percent_range
from deepchord.coordinator.report.findings import ConformalTable, abstention_sentence, conformal_table
from deepchord.coordinator.report.page.gallery import ImageCard, confident_mistakes, uncertain_images
from deepchord.coordinator.report.page.trust_charts import Chart, trust_charts
from deepchord.shared.messages import EnsembleUncertainty, Estimate, ProbabilityScores


@dataclass(frozen=True, kw_only=True)
class ScoreCell:
    """A score with its interval."""

    value: str
    #: Empty for a mean over members.
    interval: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """The scores of one kind of probabilities, in the order of `SCORES`."""

    name: str
    cells: tuple[ScoreCell, ...]


@dataclass(frozen=True, kw_only=True)
class AnsweredShare:
    """How many images are answered if so many of the answers may be wrong."""

    sentence: str
    #: Of the test images, in [0, 1].
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Trust:
    """All that the section shows."""

    headings: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    charts: tuple[Chart, ...]
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
        answered=tuple(
            AnsweredShare(sentence=abstention_sentence(each), coverage=each.coverage)
            for each in uncertainty.selective.abstentions
        ),
        conformal=conformal_table(content),
        uncertain=uncertain_images(content),
        confident_mistakes=confident_mistakes(content),
    )


def _rows(uncertainty: EnsembleUncertainty) -> tuple[ScoreRow, ...]:
    members = [member.scores for member in uncertainty.members]
    rows = [ScoreRow(name="Average member", cells=_averages(members))] if len(members) > 1 else []
    rows.append(ScoreRow(name="Mean of the members" if rows else "The member", cells=_cells(uncertainty.mean)))
    if uncertainty.calibrated is not None:
        rows.append(ScoreRow(name="Calibrated", cells=_cells(uncertainty.calibrated)))
    return tuple(rows)


def _cells(scores: ProbabilityScores) -> tuple[ScoreCell, ...]:
    def cell(score: _Score, estimate: Estimate) -> ScoreCell:
        return ScoreCell(value=score.text(estimate.value), interval=score.range_text(estimate.low, estimate.high))

    return tuple(cell(score, getattr(scores, score.field)) for score in _SCORES)


def _averages(members: Sequence[ProbabilityScores]) -> tuple[ScoreCell, ...]:
    return tuple(
        ScoreCell(value=score.text(fmean(getattr(member, score.field).value for member in members)))
        for score in _SCORES
    )
