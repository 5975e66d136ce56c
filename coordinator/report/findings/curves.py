"""The training curves of all members in one panel for each measure, as SVG paths for any width."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from deepchord.coordinator.report.content import ACCURACY_DIGITS, LOSS_DIGITS, EnsembleContent, isolated
from deepchord.coordinator.report.findings.scales import Plane, Scale, Tick, scale_around
from deepchord.shared.messages import EpochMetrics, TrainedMember

#: More lines than this could not be told apart; the records have all of them.
MAX_MEMBERS = 200
#: How many points all lines of a panel have together at most, and how many a line may have in any case.
_POINTS = 20_000
_FEWEST_POINTS = 60
#: Values so many distances of the quartiles above the upper one are far above the others.
_FARTHEST = 5.0


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
    """Loss, accuracy or error over the epochs."""

    title: str
    members: tuple[MemberCurves, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    #: Of each line, in [0, 1]; the more lines there are, the lower it is.
    opacity: float
    #: Whether values far above the others are drawn at the upper edge.
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a panel shows of an epoch."""

    title: str
    #: What it is called within a sentence, and its decimal places there.
    name: str
    digits: int
    is_loss: bool
    train: Callable[[EpochMetrics], float]
    validation: Callable[[EpochMetrics], float]
    #: The axis covers at least this range.
    narrowest: float
    #: The lowest and the highest value that there can be.
    possible: tuple[float, float]
    #: Whether values far above the others are drawn at the upper edge: first epochs may be off by any amount.
    is_cut: bool = False

    def highest(self, histories: Iterable[Sequence[EpochMetrics]]) -> float:
        """Return the highest value that is drawn where it is."""
        if not self.is_cut:
            return inf
        picks = (self.train, self.validation)
        values = [pick(epoch) for history in histories for epoch in history for pick in picks]
        low, high = np.quantile(values, (0.25, 0.75))
        return float(high + _FARTHEST * max(high - low, self.narrowest))


MEASURES = (
    Measure(
        title="Loss",
        name="loss",
        digits=LOSS_DIGITS,
        is_loss=True,
        train=lambda epoch: epoch.train_loss,
        validation=lambda epoch: epoch.validation_loss,
        narrowest=0.01,
        possible=(0, inf),
    ),
    Measure(
        title="Accuracy",
        name="accuracy",
        digits=ACCURACY_DIGITS,
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
    #: Higher values are drawn here.
    highest: float

    def path(self, values: Sequence[float]) -> str:
        """Return a line through one value per epoch; a line of one point is a dot."""
        stride = -(-len(values) // self.points)
        epochs = sorted({*range(1, len(values) + 1, stride), len(values)})
        return self.plane.path((epoch, min(values[epoch - 1], self.highest)) for epoch in epochs)


def curve_panels(content: EnsembleContent, measures: Sequence[Measure] = MEASURES) -> tuple[CurvePanel, ...]:
    """Return a panel for each measure; none if no member has a history."""
    members = dict(list(content.trained.items())[:MAX_MEMBERS])
    if not members:
        return ()
    said = {
        index: f"Member {isolated(content.name(index))}: {_kept_epoch(member, measures)}"
        for index, member in members.items()
    }
    return tuple(_panel(content, members, measure, said) for measure in measures)


def _kept_epoch(member: TrainedMember, measures: Sequence[Measure]) -> str:
    best = member.history[member.best_epoch - 1]
    values = (f"validation {each.name} {each.validation(best):.{each.digits}f}" for each in reversed(measures))
    return f"best epoch {member.best_epoch} of {len(member.history)}, {', '.join(values)}"


def _panel(
    content: EnsembleContent, members: dict[int, TrainedMember], measure: Measure, said: Mapping[int, str]
) -> CurvePanel:
    curves = _curves(members.values(), measure)
    plane = curves.plane
    return CurvePanel(
        title=measure.title,
        members=tuple(
            _member_curves(index, content.name(index), member, curves, measure, said[index])
            for index, member in members.items()
        ),
        x_ticks=plane.x.ticks(6, integer=True),
        y_ticks=plane.y.ticks(5, possible=measure.possible),
        is_cut=any(measure.train(epoch) > curves.highest for member in members.values() for epoch in member.history),
        opacity=min(0.9, max(0.16, 5 / len(members))),
    )


def _curves(members: Collection[TrainedMember], measure: Measure) -> _Curves:
    """Return how curves are drawn on a plane that holds the lines of all members."""
    histories = [member.history for member in members]
    values = [pick(epoch) for history in histories for epoch in history for pick in (measure.train, measure.validation)]
    highest = measure.highest(histories)
    return _Curves(
        highest=highest,
        plane=Plane(
            x=Scale(start=1, end=max(2, *(len(history) for history in histories))),
            y=scale_around([min(value, highest) for value in values], 0.04, measure.narrowest),
        ),
        points=max(_FEWEST_POINTS, _POINTS // (2 * len(members))),
    )


def _member_curves(
    index: int, name: str, member: TrainedMember, curves: _Curves, measure: Measure, said: str
) -> MemberCurves:
    best = member.history[member.best_epoch - 1]
    return MemberCurves(
        index=index,
        name=name,
        train=curves.path([measure.train(epoch) for epoch in member.history]),
        validation=curves.path([measure.validation(epoch) for epoch in member.history]),
        best=f"M{curves.plane.place(member.best_epoch, min(measure.validation(best), curves.highest))}h0",
        description=said,
    )
