"""What a study found: how well unseen images are told from test images, and what becomes of shifted ones."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from deepchord.coordinator.report.content import EnsembleContent, ReportContent, count, percent
from deepchord.coordinator.report.findings.ensemble_sizes import SCORE_TITLES
from deepchord.shared.messages import (
    DetectionMeasure,
    EnsembleUncertainty,
    ProbabilityScores,
    ShiftedScores,
    ShiftKind,
    ShortScores,
)

#: The measures in words.
DETECTION_MEASURES: Mapping[DetectionMeasure, str] = {
    "confidence": "Confidence",
    "predictive_entropy": "Predictive entropy",
    "mutual_information": "Mutual information",
    "total_variance": "Total variance",
    "epistemic_variance": "Epistemic variance",
    "aleatoric_variance": "Aleatoric variance",
}
#: The kinds of shifts in words.
SHIFT_NAMES: Mapping[ShiftKind, str] = {
    "noise": "Noise",
    "blur": "Blur",
    "contrast": "Less contrast",
    "brightness": "Brighter",
    "rotation": "Rotation",
    "translation": "Translation",
    "occlusion": "Occlusion",
}


@dataclass(frozen=True, kw_only=True)
class DetectionRow:
    """How well one measure tells unseen images from test images; all in [0, 1]."""

    measure: str
    area_under_roc: float
    area_under_precision_recall: float
    false_positive_rate_at_95: float
    #: The mean of the members' own areas under the ROC curve; None: a member has no such measure, or it is not known.
    average_member: float | None
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class ShiftLine:
    """A score of one kind of probabilities by strength, from 0 (the test images as they are)."""

    #: `members`, `mean` or `calibrated`; of numbers `members`, `predicted`, `scaled` or `conformal`.
    kind: str
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ShiftCurve:
    """A score by strength, averaged over all kinds of shifts."""

    title: str
    #: Whether the score is a share, which is written as percent.
    is_share: bool
    lines: tuple[ShiftLine, ...]


@dataclass(frozen=True, kw_only=True)
class ShiftRow:
    """Accuracy and calibration error of the best probabilities on images shifted in one way, by strength."""

    kind: str
    scores: tuple[ShortScores, ...]


def unseen_sentence(content: ReportContent) -> str:
    """Return how well unseen images are told from the test images; empty if there were none."""
    unseen = content.unseen
    if unseen is None:
        return ""
    best = unseen.best
    confident = percent(unseen.mean_confidence, 1)
    return (
        f"Of images of {unseen.name}, whose kinds no member has learned, the ensemble is {confident} confident on "
        f"average, of the test images {percent(unseen.test_mean_confidence, 1)}. By "
        f"{DETECTION_MEASURES[best.measure].lower()} an unseen image looks stranger than a test image in "
        f"{percent(best.area_under_roc, 1)} of all pairs; a threshold that finds 95\u00a0% of the unseen ones also "
        f"turns away {percent(best.false_positive_rate_at_95, 1)} of the test images."
    )


def unseen_line(content: EnsembleContent) -> str:
    """Return how well unseen images are told from the test images, in a line for the terminal; empty without them."""
    unseen = content.unseen
    if unseen is None:
        return ""
    best = unseen.best
    average = unseen.average_members if content.evaluation.trained > 1 else {}
    of_members = f" ({average[best.measure]:.3f} for the average member)" if best.measure in average else ""
    return (
        f"{count(unseen.images, 'unseen image')} of {unseen.name}: AUROC {best.area_under_roc:.3f} by "
        f"{DETECTION_MEASURES[best.measure].lower()}{of_members}; a threshold that finds 95\u00a0% of them turns away "
        f"{percent(best.false_positive_rate_at_95, 1)} of the test images"
    )


def detection_rows(content: EnsembleContent) -> tuple[DetectionRow, ...]:
    """Return how well each measure tells unseen images from test images."""
    unseen = content.unseen
    if unseen is None:
        return ()
    average = unseen.average_members if content.evaluation.trained > 1 else {}
    return tuple(
        DetectionRow(
            measure=DETECTION_MEASURES[each.measure],
            area_under_roc=each.area_under_roc,
            area_under_precision_recall=each.area_under_precision_recall,
            false_positive_rate_at_95=each.false_positive_rate_at_95,
            average_member=average.get(each.measure),
            is_best=each == unseen.best,
        )
        for each in unseen.detection
    )


def shift_curves(content: ReportContent) -> tuple[ShiftCurve, ...]:
    """Return accuracy, loss and calibration error by the strength of the shifts; nothing if none were looked at."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None or not content.shifted:
        return ()
    return tuple(
        ShiftCurve(title=f"{title} by strength", is_share=is_share, lines=tuple(_lines(content, uncertainty, field)))
        for field, (title, is_share) in SCORE_TITLES.items()
    )


def shift_rows(content: ReportContent) -> tuple[ShiftRow, ...]:
    """Return the scores of the calibrated ensemble by kind of shift; of the mean as it is if it is not calibrated."""
    of_kinds = groupby(content.shifted, key=lambda each: each.kind)
    return tuple(
        ShiftRow(kind=SHIFT_NAMES[kind], scores=tuple(each.calibrated or each.mean for each in of_kind))
        for kind, of_kind in of_kinds
    )


def shift_sentence(content: ReportContent) -> str:
    """Return what the strongest shifts do, averaged over their kinds; empty if none were looked at."""
    if not content.shifted:
        return ""
    strongest = max(each.strength for each in content.shifted)
    scores = [each.calibrated or each.mean for each in content.shifted if each.strength == strongest]
    members = [each.members for each in content.shifted if each.strength == strongest]
    accuracy, error = fmean(each.accuracy for each in scores), fmean(each.expected_calibration_error for each in scores)
    return (
        f"Test images shifted as strongly as was tried: {percent(accuracy, 1)} right on average over the "
        f"{len(scores)} kinds ({percent(fmean(each.accuracy for each in members), 1)} for the average member), "
        f"calibration error {percent(error, 1)} "
        f"({percent(fmean(each.expected_calibration_error for each in members), 1)})"
    )


def _lines(content: ReportContent, uncertainty: EnsembleUncertainty, field: str) -> Iterable[ShiftLine]:
    """Yield the lines of a curve; the first value of each is that of the test images as they are."""

    def at_rest(scores: Iterable[ProbabilityScores]) -> float:
        return fmean(getattr(each, field).value for each in scores)

    kinds: list[tuple[str, float, Callable[[ShiftedScores], ShortScores | None]]] = [
        ("members", at_rest(member.scores for member in uncertainty.members), lambda each: each.members),
        ("mean", at_rest([uncertainty.mean]), lambda each: each.mean),
    ]
    if uncertainty.calibrated is not None:
        kinds.append(("calibrated", at_rest([uncertainty.calibrated]), lambda each: each.calibrated))
    strengths = sorted({each.strength for each in content.shifted})
    for kind, first, scores_of in kinds:
        values = [
            fmean(getattr(scores_of(each), field) for each in content.shifted if each.strength == strength)
            for strength in strengths
        ]
        yield ShiftLine(kind=kind, values=(first, *values))
