"""Curves of predicted numbers: the epochs, the quantiles, the errors as a histogram, and the number of members."""

from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.findings import Measure
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.units import SCORE_DIGITS

#: What is drawn over the epochs.
MEASURES = (
    Measure(
        title="Loss (negative log-likelihood, nats)",
        name="loss",
        digits=SCORE_DIGITS,
        is_loss=True,
        train=lambda epoch: epoch.train_loss,
        validation=lambda epoch: epoch.validation_loss,
        narrowest=0.01,
        possible=(-inf, inf),
        is_cut=True,
    ),
    Measure(
        title="Error (RMSE, standard deviations)",
        name="error",
        digits=SCORE_DIGITS,
        is_loss=False,
        train=lambda epoch: epoch.errors[0],
        validation=lambda epoch: epoch.errors[1],
        narrowest=0.01,
        possible=(0, inf),
    ),
)
#: The bins of the histogram of errors, in standard deviations; the outer ones hold what lies beyond.
_FARTHEST, _BIN = 4.0, 0.5
#: So many standard errors of a share around the ideal are within chance.
_LIKELY = 1.96
#: A loss that falls by less than this in nats with a member hardly falls.
_HARDLY = 0.005


@dataclass(frozen=True, kw_only=True)
class QuantileCurve:
    """How often actual numbers lie below predicted quantiles, for one number."""

    #: In [0, 1], from 0 to 1.
    levels: tuple[float, ...]
    before: tuple[float, ...]
    #: With the scaled variance; empty without a scaling.
    after: tuple[float, ...]
    #: Between which shares right quantiles lie, by chance, in 95 % of all draws of test rows.
    low: tuple[float, ...]
    high: tuple[float, ...]


def quantile_curves(content: RegressionContent) -> tuple[QuantileCurve, ...]:
    """Return the curve of each number; nothing if that was not measured."""
    found, rows = content.evaluation.quantiles, len(content.dataset.y_test)
    if not found:
        return ()
    levels = (0.0, *(each.level for each in found), 1.0)
    noise = [_LIKELY * sqrt(level * (1 - level) / rows) for level in levels]
    return tuple(
        QuantileCurve(
            levels=levels,
            before=(0.0, *(each.observed[place] for each in found), 1.0),
            after=(0.0, *(each.scaled_observed[place] for each in found), 1.0) if found[0].scaled_observed else (),
            low=tuple(max(0.0, level - error) for level, error in zip(levels, noise, strict=True)),
            high=tuple(min(1.0, level + error) for level, error in zip(levels, noise, strict=True)),
        )
        for place in range(len(content.targets))
    )


@dataclass(frozen=True, kw_only=True)
class ErrorHistogram:
    """Errors in predicted standard deviations, beside what a normal distribution would give."""

    #: [bins + 1].
    edges: tuple[float, ...]
    #: The share of the rows in each bin, and that of the normal distribution.
    shares: tuple[float, ...]
    normal: tuple[float, ...]


def error_histogram(scaled_errors: NDArray[np.float64]) -> ErrorHistogram:
    """Return the histogram.

    Args:
        scaled_errors: [rows], (actual - predicted) / standard deviation.
    """
    edges = np.arange(-_FARTHEST, _FARTHEST + _BIN / 2, _BIN)
    inside = np.clip(scaled_errors, edges[0], edges[-1])
    counts, _ = np.histogram(inside, bins=edges)
    below = np.array([NormalDist().cdf(edge) for edge in edges])
    below[0], below[-1] = 0.0, 1.0
    return ErrorHistogram(
        edges=tuple(edges.tolist()),
        shares=tuple((counts / len(scaled_errors)).tolist()),
        normal=tuple(np.diff(below).tolist()),
    )


@dataclass(frozen=True, kw_only=True)
class SizeCurve:
    """A score against the number of members."""

    title: str
    members: tuple[int, ...]
    scores: tuple[float, ...]


def size_curves(content: RegressionContent) -> tuple[SizeCurve, ...]:
    """Return loss and error against the number of members; nothing if that was not measured."""
    sizes = content.evaluation.by_size
    if not sizes:
        return ()
    members = tuple(each.members for each in sizes)
    return (
        SizeCurve(
            title="Loss by members (nats)",
            members=members,
            scores=tuple(each.negative_log_likelihood for each in sizes),
        ),
        SizeCurve(
            title="Error by members (standard deviations)",
            members=members,
            scores=tuple(each.root_mean_squared_error for each in sizes),
        ),
    )


def size_sentence(content: RegressionContent) -> str:
    """Return in a sentence what the last members brought; empty if that was not measured."""
    curves = size_curves(content)
    if not curves:
        return ""
    (losses, errors), members = (curve.scores for curve in curves), curves[0].members
    fell = (losses[-2] - losses[-1]) / (members[-1] - members[-2])
    added, next_member = members[-1] - members[-2], content.evaluation.next_member
    who = "The last member" if added == 1 else f"Of the last {added} members each"
    lowered = f"brought the loss down by {fell:.{SCORE_DIGITS}f} nats"
    brought = lowered if fell > 0 else "did not bring the loss down"
    if next_member is not None:
        expected = f"{next_member.fall:.{SCORE_DIGITS}f} nats"
        brought += f"; as images tell that members held out, one more would bring it down by {expected}, scaled"
    expected_fall = fell if next_member is None else next_member.fall
    auto = content.spec.auto if content.spec is not None else None
    least = _HARDLY if auto is None else auto.least_fall
    more = "more would hardly help" if expected_fall < least else "more may still help"
    return (
        f"One member alone has a loss of {losses[0]:.{SCORE_DIGITS}f} nats and an error of "
        f"{errors[0]:.{SCORE_DIGITS}f} standard deviations, {members[-1]} together {losses[-1]:.{SCORE_DIGITS}f} and "
        f"{errors[-1]:.{SCORE_DIGITS}f}. {who} {brought}: {more}."
    )
