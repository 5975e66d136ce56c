"""From values to places on an axis, for the charts of the page and the figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from matplotlib.ticker import MaxNLocator

#: Labels have at most so many decimal places, and numbers from here on no place for all of their digits.
_MOST_DIGITS = 6
_LARGEST = 1e6


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    #: Percent of the axis from its start.
    position: float
    label: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis from `start` to `end`."""

    start: float
    end: float

    def position(self, value: float) -> float:
        """Return where a value lies, in percent of the axis from its start."""
        return 100 * (value - self.start) / (self.end - self.start)

    def ticks(
        self,
        at_most: int,
        *,
        factor: float = 1.0,
        suffix: str = "",
        integer: bool = False,
        possible: tuple[float, float] = (-inf, inf),
    ) -> tuple[Tick, ...]:
        """Return round values on the axis.

        Args:
            at_most: About how many.
            integer: Only whole numbers.
            factor: Labels show the value times this, 100 for percent.
            suffix: What labels end in.
            possible: The lowest and the highest possible value. The axis may go beyond them, its ticks do not.
        """
        start, end = self.start * factor, self.end * factor
        locator = MaxNLocator(nbins=at_most, steps=[1, 2, 5, 10] if integer else [1, 2, 2.5, 5, 10], integer=integer)
        first, last = max(start, possible[0] * factor), min(end, possible[1] * factor)
        values = [float(value) for value in locator.tick_values(start, end) if first <= value <= last]
        digits = _digits(values)
        return tuple(
            Tick(
                position=self.position(value / factor),
                label=f"{_tick_text(value, digits)}{suffix}",
                value=value / factor,
            )
            for value in values
        )


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A plane of 100 by 100 that a chart is drawn on as paths of SVG, whose origin is the upper left corner."""

    x: Scale
    y: Scale

    def place(self, x: float, y: float) -> str:
        """Return the coordinates of a value."""
        return f"{self.x.position(x):.2f} {100 - self.y.position(y):.2f}"

    def path(self, values: Iterable[tuple[float, float]]) -> str:
        """Return a line through values; a line of one value is a dot, one of none is nothing."""
        places = [self.place(x, y) for x, y in values]
        return f"M{'L'.join(places)}{'h0' if len(places) == 1 else ''}" if places else ""


def scale_around(values: Sequence[float], margin: float, narrowest: float) -> Scale:
    """Return a scale that holds all values.

    Args:
        values: At least one.
        margin: Free space on either side, as a share of the range.
        narrowest: The range is at least this wide, so that equal values do not fall on an edge.
    """
    lowest, highest = min(values), max(values)
    spare = max(0.0, narrowest - (highest - lowest)) / 2
    room = max(highest - lowest, narrowest) * margin
    return Scale(start=lowest - spare - room, end=highest + spare + room)


def _tick_text(value: float, digits: int) -> str:
    """Return a number as a label: those for which there is no room as powers of ten."""
    is_long = abs(value) >= _LARGEST or (digits == _MOST_DIGITS and value != 0)
    return f"{value:.3g}" if is_long else f"{value:.{digits}f}"


def _digits(values: Sequence[float]) -> int:
    """Return how many decimal places tell neighbouring ticks apart."""
    for digits in range(_MOST_DIGITS):
        if all(abs(round(value, digits) - value) < 1e-9 for value in values):
            return digits
    return _MOST_DIGITS
