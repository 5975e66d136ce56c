"""How often intervals hold the actual number, how wide they are, and what chance makes of their coverage."""

from dataclasses import dataclass
from math import sqrt

from deepchord.coordinator.report.content import count, percent, percent_range
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.target_rows import TargetRows
from deepchord.coordinator.report.regression.findings.units import in_unit
from deepchord.shared.messages import Intervals, Target

#: What the kinds of intervals are called, and what they are.
_METHODS = {
    "predicted": ("Predicted", "the variance of the ensemble as it is"),
    "scaled": ("Scaled", "the variance multiplied by its factor"),
    "conformal": ("Conformal", "as wide as held-out images needed"),
}
#: A coverage that lies further from its level than so many standard errors is no chance.
_STANDARD_ERRORS = 3.0
#: Of this many standard errors it is said what is likely.
_LIKELY = 2.0


@dataclass(frozen=True, kw_only=True)
class CoverageCell:
    """One interval on the test rows."""

    coverage: float
    #: The mean width in the number's own unit; a word where it has no bound.
    width: str
    is_off: bool


@dataclass(frozen=True, kw_only=True)
class CoverageRow:
    """The intervals of one kind."""

    method: str
    what: str
    cells: tuple[CoverageCell, ...]


@dataclass(frozen=True, kw_only=True)
class CoverageTable:
    """The intervals of one number."""

    target: str
    #: In [0, 1].
    levels: tuple[float, ...]
    rows: tuple[CoverageRow, ...]


def coverage_tables(content: RegressionContent) -> tuple[CoverageTable, ...]:
    """Return a table for each number."""
    return tuple(_table(content, place, target) for place, target in enumerate(content.targets))


def chance_range(content: RegressionContent, interval: Intervals) -> tuple[float, float]:
    """Return between which shares the coverage of a right interval lies in about 95 % of all draws of rows."""
    error = _standard_error(content, interval)
    return max(0.0, interval.level - _LIKELY * error), min(1.0, interval.level + _LIKELY * error)


def is_off(content: RegressionContent, interval: Intervals, target: int) -> bool:
    """Return whether the coverage of a number's interval lies further from its level than chance explains."""
    if interval.half_widths[target] is None:
        return False
    return abs(interval.coverage[target] - interval.level) > _STANDARD_ERRORS * _standard_error(content, interval)


def coverage_sentence(content: RegressionContent, rows: TargetRows) -> str:
    """Return how often the interval of a number that is shown holds it, and how wide it is, in a line."""
    reach = in_unit(float(rows.half_width.mean()), rows.target)
    low, high = chance_range(content, rows.interval)
    return (
        f"{percent(rows.interval.level, 0)} interval ({rows.interval.method}): ±{reach} on average; it holds "
        f"{percent(rows.coverage, 1)} of {count(len(rows.actual), 'test image')} ({percent_range(low, high, 0)} are "
        "within chance)"
    )


def _standard_error(content: RegressionContent, interval: Intervals) -> float:
    """Return the standard error of a coverage: from the test rows, and from those that the interval was fitted on."""
    scaling = content.evaluation.scaling
    fitted = 1 / scaling.rows if scaling is not None and interval.method == "conformal" else 0.0
    return sqrt(interval.level * (1 - interval.level) * (1 / len(content.dataset.y_test) + fitted))


def _table(content: RegressionContent, place: int, target: Target) -> CoverageTable:
    intervals = content.evaluation.intervals
    methods = [method for method in _METHODS if any(each.method == method for each in intervals)]
    return CoverageTable(
        target=target.name,
        levels=tuple(sorted({each.level for each in intervals})),
        rows=tuple(
            CoverageRow(
                method=_METHODS[method][0],
                what=_METHODS[method][1],
                cells=tuple(
                    _cell(content, each, place, target)
                    for each in sorted(intervals, key=lambda each: each.level)
                    if each.method == method
                ),
            )
            for method in methods
        ),
    )


def _cell(content: RegressionContent, interval: Intervals, place: int, target: Target) -> CoverageCell:
    width = interval.mean_width[place]
    return CoverageCell(
        coverage=interval.coverage[place],
        width="no bound" if width is None else in_unit(width, target),
        is_off=is_off(content, interval, place),
    )
