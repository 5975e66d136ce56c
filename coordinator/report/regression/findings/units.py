"""How numbers are written in the unit of what is predicted: with the digits that tell something there."""

from collections.abc import Sequence
from math import floor, log10

from deepchord.shared.messages import Target

#: Significant digits of a number as large as the standard deviation of its target.
_SIGNIFICANT = 4
_MOST_DIGITS = 12
#: Numbers whose standard deviation is not between these are written with a power of ten.
_SMALLEST, _LARGEST = 1e-5, 1e7
#: Decimal places of R², which has no unit, and of what is in nats or in standard deviations.
SCORE_DIGITS = 4


def unit_digits(target: Target) -> int:
    """Return with how many decimal places a target is written: its standard deviation has four digits then."""
    return min(_MOST_DIGITS, max(0, _SIGNIFICANT - 1 - floor(log10(target.scale))))


def in_unit(value: float, target: Target) -> str:
    """Return a number of a target as text: `59.90`, `1,204,300`; of very large or small ones `6.123e+10`."""
    if not _SMALLEST <= target.scale < _LARGEST:
        return f"{value:.{_SIGNIFICANT - 1}e}"
    return f"{value:,.{unit_digits(target)}f}"


def in_deviations(value: float, targets: Sequence[Target]) -> str:
    """Return standard deviations of numbers as text: of a single number in its own unit."""
    if len(targets) == 1:
        return in_unit(value * targets[0].scale, targets[0])
    return f"{value:.{SCORE_DIGITS}f} standard deviations"


def score_text(value: float | None) -> str:
    """Return a score without a unit, or a dash for one that does not exist."""
    return "\u2013" if value is None else f"{value:.{SCORE_DIGITS}f}"
