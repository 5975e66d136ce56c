"""How far intervals reach around predicted numbers: found by the level and the method that somebody asks for."""

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.messages import EnsembleDescription, Intervals
from deepchord.shared.regression import normal_half_width

#: See `deepchord.shared.messages.Intervals`.
IntervalMethod = Literal["predicted", "scaled", "conformal"]
_METHODS: tuple[IntervalMethod, ...] = ("predicted", "scaled", "conformal")


@dataclass(frozen=True, kw_only=True)
class HalfWidths:
    """The half widths of an ensemble's intervals, for each target."""

    run_id: str
    #: What the variance of each target is multiplied with; None: the run has no scaling.
    factors: tuple[float, ...] | None
    targets: int
    #: The conformal intervals of the run.
    conformal: tuple[Intervals, ...]

    @classmethod
    def of(cls, description: EnsembleDescription) -> Self:
        """Return the half widths of an ensemble that predicts numbers."""
        found = description.regression
        assert found is not None, "it predicts numbers"  # noqa: S101  for the type checker
        return cls(
            run_id=description.run_id,
            factors=found.scaling.factors if found.scaling else None,
            targets=len(description.dataset.targets),
            conformal=tuple(each for each in found.intervals if each.method == "conformal"),
        )

    def method(self, level: float, asked: IntervalMethod | None = None) -> IntervalMethod:
        """Return the method of intervals of a level: the best that there is, if none is asked for.

        Raises:
            InputError: The level is no probability, or there are no such intervals.
        """
        if not 0 < level < 1:
            raise InputError(f"The level of intervals is {level:g}; expected a share between 0 and 1, such as 0.9.")
        if asked is None:
            return "conformal" if self._conformal(level) else "scaled" if self.factors else "predicted"
        if asked not in _METHODS:
            raise InputError(f"The method of intervals is {asked!r}; expected one of {', '.join(_METHODS)}.")
        if asked != "predicted" and self.factors is None:
            raise InputError(
                f"Run {self.run_id} has no {asked} intervals: it held no rows out; expected the method predicted."
            )
        if asked == "conformal" and self._conformal(level) is None:
            known = ", ".join(f"{each.level:g}" for each in self.conformal)
            raise InputError(
                f"Run {self.run_id} has no conformal intervals of level {level:g}; it has them for {known}."
            )
        return asked

    def find(self, level: float, asked: IntervalMethod | None = None) -> NDArray[np.float64]:
        """Return the half width for each target in (scaled) standard deviations; infinite where there is no bound.

        Raises:
            InputError: The level is no probability, or there are no such intervals.
        """
        method, sets = self.method(level, asked), self._conformal(level)
        if method == "scaled":
            return np.full(self.targets, normal_half_width(level))
        if method == "conformal" and sets is not None:
            widths = np.array([np.inf if width is None else width for width in sets.half_widths])
        else:
            widths = np.full(self.targets, normal_half_width(level))
        # Those are in standard deviations as they are before the scaling.
        return np.asarray(widths / np.sqrt(self.factors if self.factors else 1.0))

    def _conformal(self, level: float) -> Intervals | None:
        return next((each for each in self.conformal if math.isclose(each.level, level, rel_tol=1e-6)), None)
