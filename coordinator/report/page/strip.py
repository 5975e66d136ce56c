"""One axis with all members, their mean and the ensemble: how much the ensemble gains is seen at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from deepchord.coordinator.report.content import EnsembleContent, isolated
from deepchord.coordinator.report.findings import Scale, Tick

#: More dots than this are drawn smaller.
_FEW_DOTS = 24
#: Free space as a share of the axis: for the label beside a line, and for a dot at the edge.
_LABEL_ROOM = 0.25
_DOT_ROOM = 0.03
#: A tick this near to an end of the axis, in percent, is left out: its label would stand out.
_EDGE = 5.0
#: The tallest stack of dots, in pixels.
_STACK_PX = 140.0


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A member on the strip."""

    index: int
    title: str
    left: float
    bottom_px: float
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class MemberStrip:
    """The places of members, their mean and the ensemble on one axis, in percent of the axis."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    mean: float
    ensemble: float
    #: The two values in words.
    mean_text: str
    ensemble_text: str
    height_px: float
    dot_px: float


@dataclass(frozen=True, kw_only=True)
class StripValues:
    """What stands on the axis."""

    #: By member index.
    members: Mapping[int, float]
    mean: float
    ensemble: float
    best: float
    #: The axis covers at least this range.
    narrowest: float
    text: Callable[[float], str]
    ticks: Callable[[Scale], tuple[Tick, ...]]


def strip_of(content: EnsembleContent, values: StripValues) -> MemberStrip:
    """Return where the members, their mean and the ensemble stand on the axis."""
    scale = _scale(values)
    places = {index: scale.position(value) for index, value in values.members.items()}
    dot_px = 14.0 if len(places) <= _FEW_DOTS else 8.0
    # On a phone the axis is about 360 pixels wide and the dots are smaller by a third.
    levels = _stack(places, nearest=dot_px / 6.5)
    step = min(dot_px + 1, _STACK_PX / max(1, max(levels.values())))
    dots = tuple(
        Dot(
            index=index,
            title=f"{isolated(content.name(index))}: {values.text(values.members[index])}",
            left=place,
            bottom_px=levels[index] * step,
            is_best=values.members[index] == values.best,
        )
        for index, place in places.items()
    )
    return MemberStrip(
        dots=dots,
        ticks=tuple(tick for tick in values.ticks(scale) if _EDGE < tick.position < 100 - _EDGE),
        mean=scale.position(values.mean),
        ensemble=scale.position(values.ensemble),
        mean_text=values.text(values.mean),
        ensemble_text=values.text(values.ensemble),
        height_px=max(levels.values()) * step + dot_px,
        dot_px=dot_px,
    )


def _scale(strip: StripValues) -> Scale:
    """Return a scale with room for the labels of both lines, left of the left one and right of the right one."""
    values: Iterable[float] = strip.members.values()
    left, right = sorted((strip.mean, strip.ensemble))
    lowest, highest = min(*values, left), max(*values, right)
    start, end = lowest, highest
    width = max(highest - lowest, strip.narrowest)
    for _ in range(40):
        start = min(lowest - _DOT_ROOM * width, left - _LABEL_ROOM * width)
        end = max(highest + _DOT_ROOM * width, right + _LABEL_ROOM * width)
        width = max(end - start, strip.narrowest)
    return Scale(start=start, end=end)


def _stack(places: dict[int, float], nearest: float) -> dict[int, int]:
    """Return for each dot, from left to right, the lowest level without another dot nearer than `nearest`."""
    levels: dict[int, int] = {}
    ends: list[float] = []
    for index in sorted(places, key=lambda index: places[index]):
        place = places[index]
        level = next((level for level, end in enumerate(ends) if place - end >= nearest), len(ends))
        ends[level : level + 1] = [place]
        levels[index] = level
    return levels
