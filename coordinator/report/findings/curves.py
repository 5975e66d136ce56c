"""The training curves of all members in one panel each for loss and accuracy, as SVG paths for any width."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf

from deepchord.coordinator.report.content import ReportContent, isolated
from deepchord.coordinator.report.findings.scales import Plane, Scale, Tick, scale_around
from deepchord.shared.messages import EpochMetrics, TrainedMember

#: More lines than this could not be told apart; the records have all of them.
MAX_MEMBERS = 200
#: How many points all lines of a panel have together at most, and how many a line may have in any case.
_POINTS = 20_000
_FEWEST_POINTS = 60


@dataclass(frozen=True, kw_only=True)
class MemberCurves:
    """One member in one panel: SVG paths on a plane of 100 by 100."""

    index: int
    name: str
    train: str
    validation: str
    #: The epoch whose weights are the member's, on the validation line.
    best: str
    #: What is shown when the pointer is on the member.
    description: str


@dataclass(frozen=True, kw_only=True)
class CurvePanel:
    """Loss or accuracy over the epochs."""

    title: str
    members: tuple[MemberCurves, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    #: Of each line, in [0, 1]; the more lines there are, the lower it is.
    opacity: float


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a panel shows of an epoch."""

    title: str
    is_loss: bool
    train: Callable[[EpochMetrics], float]
    validation: Callable[[EpochMetrics], float]
    #: The axis covers at least this range.
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
        train=lambda epoch: epoch.accuracies[0],
        validation=lambda epoch: epoch.accuracies[1],
        narrowest=0.01,
        possible=(0, 1),
    ),
)


@dataclass(frozen=True, kw_only=True)
class _Curves:
    """How the curves of a panel are drawn."""

    #: Across the epochs, counted from 1, upwards loss or accuracy.
    plane: Plane
    #: How many points a line may have, but for its last one.
    points: int

    def path(self, values: Sequence[float]) -> str:
        """Return a line through one value per epoch; a line of one point is a dot."""
        stride = -(-len(values) // self.points)
        epochs = sorted({*range(1, len(values) + 1, stride), len(values)})
        return self.plane.path((epoch, values[epoch - 1]) for epoch in epochs)


def curve_panels(content: ReportContent) -> tuple[CurvePanel, ...]:
    """Return the panels of loss and accuracy; none if no member has a history."""
    members = dict(list(content.trained.items())[:MAX_MEMBERS])
    return tuple(_panel(content, members, measure) for measure in MEASURES) if members else ()


def _panel(content: ReportContent, members: dict[int, TrainedMember], measure: Measure) -> CurvePanel:
    curves = _curves(members.values(), measure)
    plane = curves.plane
    return CurvePanel(
        title=measure.title,
        members=tuple(
            _member_curves(index, content.name(index), member, measure, curves) for index, member in members.items()
        ),
        x_ticks=plane.x.ticks(6, integer=True),
        y_ticks=plane.y.ticks(5, possible=measure.possible),
        opacity=min(0.9, max(0.16, 5 / len(members))),
    )


def _curves(members: Collection[TrainedMember], measure: Measure) -> _Curves:
    """Return how curves are drawn on a plane that holds the lines of all members."""
    histories = [member.history for member in members]
    values = [pick(epoch) for history in histories for epoch in history for pick in (measure.train, measure.validation)]
    return _Curves(
        plane=Plane(
            x=Scale(start=1, end=max(2, *(len(history) for history in histories))),
            y=scale_around(values, 0.04, measure.narrowest),
        ),
        points=max(_FEWEST_POINTS, _POINTS // (2 * len(members))),
    )


def _member_curves(index: int, name: str, member: TrainedMember, measure: Measure, curves: _Curves) -> MemberCurves:
    best = member.history[member.best_epoch - 1]
    return MemberCurves(
        index=index,
        name=name,
        train=curves.path([measure.train(epoch) for epoch in member.history]),
        validation=curves.path([measure.validation(epoch) for epoch in member.history]),
        best=f"M{curves.plane.place(member.best_epoch, measure.validation(best))}h0",
        description=f"Member {isolated(name)}: best epoch {member.best_epoch} of {len(member.history)}, validation "
        f"accuracy {best.accuracies[1]:.4f}, validation loss {best.validation_loss:.5f}",
    )
