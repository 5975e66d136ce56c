"""Curves of predicted labels: the epochs, how often labels apply by their probability, the number of members."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from deepchord.coordinator.report.content import LOSS_DIGITS, percent
from deepchord.coordinator.report.findings import Measure
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.shared.messages import LabelBin

#: What is drawn over the epochs.
MEASURES = (
    Measure(
        title="Loss (binary cross-entropy, nats)",
        name="loss",
        digits=LOSS_DIGITS,
        is_loss=True,
        train=lambda epoch: epoch.train_loss,
        validation=lambda epoch: epoch.validation_loss,
        narrowest=0.01,
        possible=(0, inf),
    ),
    Measure(
        title="Share of wrong labels (Hamming loss)",
        name="share of wrong labels",
        digits=4,
        is_loss=False,
        train=lambda epoch: epoch.errors[0],
        validation=lambda epoch: epoch.errors[1],
        narrowest=0.01,
        possible=(0, 1),
    ),
)
#: A loss that falls by less than this share with a member hardly falls.
_HARDLY = 0.005


@dataclass(frozen=True, kw_only=True)
class ReliabilityCurve:
    """How often labels apply, by their probability."""

    name: str
    #: Mean probability, share that applies, and share of all probabilities, of each bin.
    points: tuple[tuple[float, float, float], ...]


def reliability_curves(content: MultilabelContent) -> tuple[ReliabilityCurve, ...]:
    """Return the curve before the calibration and that after it; only one if there is no calibration."""
    evaluation = content.evaluation
    before = _curve("before calibration" if evaluation.calibration else "ensemble", evaluation.reliability)
    if not evaluation.calibrated_reliability:
        return (before,)
    return before, _curve("after calibration", evaluation.calibrated_reliability)


def _curve(name: str, bins: Sequence[LabelBin]) -> ReliabilityCurve:
    total = sum(each.probabilities for each in bins)
    points = ((each.mean_probability, each.applying, each.probabilities / total) for each in bins)
    return ReliabilityCurve(name=name, points=tuple(points))


@dataclass(frozen=True, kw_only=True)
class SizeCurve:
    """A score against the number of members."""

    title: str
    members: tuple[int, ...]
    scores: tuple[float, ...]


def size_curves(content: MultilabelContent) -> tuple[SizeCurve, ...]:
    """Return loss and exact match against the number of members; nothing if that was not measured."""
    sizes = content.evaluation.by_size
    if not sizes:
        return ()
    members = tuple(each.members for each in sizes)
    losses = tuple(each.negative_log_likelihood for each in sizes)
    matches = tuple(each.exact_match for each in sizes)
    return (
        SizeCurve(title="Loss by members (nats)", members=members, scores=losses),
        SizeCurve(title="Exact match by members", members=members, scores=matches),
    )


def size_sentence(content: MultilabelContent) -> str:
    """Return in a sentence what the last members brought; empty if that was not measured."""
    curves = size_curves(content)
    if not curves:
        return ""
    (losses, matches), members = (curve.scores for curve in curves), curves[0].members
    added = members[-1] - members[-2]
    fell = (losses[-2] - losses[-1]) / added
    who = "The last member" if added == 1 else f"Of the last {added} members each"
    brought = f"brought the loss down by {fell:.{LOSS_DIGITS}f} nats" if fell > 0 else "did not bring the loss down"
    more = "more would hardly help" if fell < _HARDLY * losses[-1] else "more may still help"
    return (
        f"One member alone has a loss of {losses[0]:.{LOSS_DIGITS}f} nats and all labels right for "
        f"{percent(matches[0])} of the test images, {members[-1]} together {losses[-1]:.{LOSS_DIGITS}f} and "
        f"{percent(matches[-1])}. {who} {brought}: {more}."
    )
