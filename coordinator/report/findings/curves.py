"""The training curves of all members, laid over each other, as paths that a page draws at any width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from deepchord.coordinator.report.content import ReportContent, isolated
from deepchord.coordinator.report.findings.scales import Scale, Tick, scale_around
from deepchord.shared.messages import EpochMetrics, TrainedMember

#: More lines than this say no more; the others stand in the figures and the records.
MAX_MEMBERS = 200
#: How many points all lines of a panel may have together, and one line at least.
_POINTS = 20_000
_FEWEST_POINTS = 60


@dataclass(frozen=True, kw_only=True)
class MemberCurves:
    """One member in one panel: SVG paths on a ground of 100 by 100."""

    index: int
    name: str
    train: str
    validation: str
    #: The epoch whose weights are the member's, on the validation line.
    best: str
    #: What is said when the member is pointed at.
    note: str


@dataclass(frozen=True, kw_only=True)
class CurvePanel:
    """Loss or accuracy over the epochs."""

    title: str
    members: tuple[MemberCurves, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    #: How strongly a line is drawn, so that many do not become one blot.
    opacity: float


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a panel shows of an epoch."""

    title: str
    is_loss: bool
    train: Callable[[EpochMetrics], float]
    validation: Callable[[EpochMetrics], float]
    #: The axis covers at least this much.
    narrowest: float
    #: The lowest and the highest value that there can be.
    possible: tuple[float, float]


MEASURES = (
    Measure(
        title="Loss",
        is_loss=True,
        train=lambda epoch: epoch.train_loss,
        validation=lambda epoch: epoch.validation_loss,
        narrowest=0.01,
        possible=(0, inf),
    ),
    Measure(
        title="Accuracy",
        is_loss=False,
        train=lambda epoch: epoch.train_accuracy,
        validation=lambda epoch: epoch.validation_accuracy,
        narrowest=0.01,
        possible=(0, 1),
    ),
)


def curve_panels(content: ReportContent) -> tuple[CurvePanel, ...]:
    """Return the panels of loss and accuracy; none if no member has a history."""
    members = dict(list(content.trained.items())[:MAX_MEMBERS])
    return tuple(_panel(content, members, measure) for measure in MEASURES) if members else ()


def _panel(content: ReportContent, members: dict[int, TrainedMember], measure: Measure) -> CurvePanel:
    histories = [member.history for member in members.values()]
    values = [pick(epoch) for history in histories for epoch in history for pick in (measure.train, measure.validation)]
    x = Scale(start=1, end=max(2, *(len(history) for history in histories)))
    y = scale_around(values, 0.04, measure.narrowest)
    points = max(_FEWEST_POINTS, _POINTS // (2 * len(members)))
    curves = tuple(
        _curves(content.name(index), index, member, measure, x, y, points) for index, member in members.items()
    )
    return CurvePanel(
        title=measure.title,
        members=curves,
        x_ticks=x.ticks(6, integer=True),
        y_ticks=y.ticks(5, possible=measure.possible),
        opacity=min(0.9, max(0.16, 5 / len(members))),
    )


def _curves(
    name: str, index: int, member: TrainedMember, measure: Measure, x: Scale, y: Scale, points: int
) -> MemberCurves:
    best = member.history[member.best_epoch - 1]
    best_place = _place(member.best_epoch, measure.validation(best), x, y)
    return MemberCurves(
        index=index,
        name=name,
        train=_path([measure.train(epoch) for epoch in member.history], x, y, points),
        validation=_path([measure.validation(epoch) for epoch in member.history], x, y, points),
        best=f"M{best_place}h0",
        note=f"Member {isolated(name)}: best epoch {member.best_epoch} of {len(member.history)}, validation accuracy "
        f"{best.validation_accuracy:.4f}, validation loss {best.validation_loss:.5f}",
    )


def _path(values: Sequence[float], x: Scale, y: Scale, points: int) -> str:
    stride = -(-len(values) // points)
    epochs = sorted({*range(1, len(values) + 1, stride), len(values)})
    places = [_place(epoch, values[epoch - 1], x, y) for epoch in epochs]
    return f"M{'L'.join(places)}" if len(places) > 1 else f"M{places[0]}h0"


def _place(epoch: int, value: float, x: Scale, y: Scale) -> str:
    return f"{x.position(epoch):.2f} {100 - y.position(value):.2f}"
