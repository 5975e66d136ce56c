"""Sets of classes that hold the right one with a wanted probability: a sentence, and a table of all kinds."""

from dataclasses import dataclass
from itertools import groupby
from math import isclose

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.shared.messages import ConformalSets

#: The probability that the sentence tells of.
_TOLD = 0.95
#: What tells the kinds of sets apart, in words.
_METHODS = {"lac": "Smallest sets (LAC)", "aps": "Larger if harder (APS)"}
_GUARANTEES = {"marginal": "over all images", "class": "within each class"}


@dataclass(frozen=True, kw_only=True)
class ConformalRow:
    """Sets of one kind, at several wanted probabilities."""

    method: str
    guarantee: str
    #: In the order of their probabilities.
    sets: tuple[ConformalSets, ...]


@dataclass(frozen=True, kw_only=True)
class ConformalTable:
    """All sets of an evaluation."""

    #: The wanted probabilities in words, one for each column.
    levels: tuple[str, ...]
    rows: tuple[ConformalRow, ...]
    #: Whether the probabilities hold approximately only.
    is_approximate: bool


def conformal_table(content: ReportContent) -> ConformalTable | None:
    """Return the table of all sets; None if there are none."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None or not uncertainty.conformal:
        return None

    ordered = sorted(uncertainty.conformal, key=lambda sets: (*_kind(sets), sets.level))
    rows = tuple(
        ConformalRow(
            method=list(_METHODS.values())[method], guarantee=list(_GUARANTEES.values())[guarantee], sets=tuple(sets)
        )
        for (method, guarantee), sets in groupby(ordered, key=_kind)
    )
    return ConformalTable(
        levels=tuple(percent(sets.level, 0) for sets in rows[0].sets),
        rows=rows,
        is_approximate=any(sets.is_approximate for sets in uncertainty.conformal),
    )


def conformal_sentence(content: ReportContent) -> str:
    """Return how large the smallest sets are that hold the right class for 95 % of images; empty if not known."""
    uncertainty = content.evaluation.uncertainty
    for sets in () if uncertainty is None else uncertainty.conformal:
        if (sets.method, sets.guarantee) == ("lac", "marginal") and isclose(sets.level, _TOLD):
            return _sentence(sets)
    return ""


def _sentence(sets: ConformalSets) -> str:
    holding = f"Sets that hold the right class for {_level(sets)} of images"
    if None in sets.thresholds:
        return f"{holding} have all classes: there are too few calibration images for smaller ones."
    size = f"{sets.mean_size:.1f}".removesuffix(".0")
    classes = f"{size} {'class' if size == '1' else 'classes'}"
    return f"{holding} have {classes} on average; covered here: {percent(sets.coverage, 1)}."


def _kind(sets: ConformalSets) -> tuple[int, int]:
    """Return the places of method and guarantee in the table."""
    return list(_METHODS).index(sets.method), list(_GUARANTEES).index(sets.guarantee)


def _level(sets: ConformalSets) -> str:
    return f"{'approximately ' if sets.is_approximate else ''}{percent(sets.level, 0)}"
