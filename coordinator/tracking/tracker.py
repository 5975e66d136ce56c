"""What every kind of tracker offers. A part of a run that was written once is not written again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from deepchord.coordinator.tracking.values import Point
from deepchord.shared.messages import RunSpec

#: The group of values that belong to the whole ensemble; those of members are `member-000` and so on.
ENSEMBLE = "ensemble"
#: How a run ended.
End = Literal["evaluated", "failed", "cancelled"]


class OpenRun(Protocol):
    """A run in a tracker. Each method may raise `TrackerError`."""

    def has(self, group: str, part: str) -> bool:
        """Return whether a part of a group was written, by anybody."""
        ...

    def write_parameters(self, part: str, values: Mapping[str, str | int | float | bool], at: datetime) -> None:
        """Write the parameters of the run."""
        ...

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:
        """Write values that were measured."""
        ...

    def write_report(self, part: str, folder: Path, at: datetime) -> None:
        """Write the files of the report, or what of them can be shown."""
        ...

    def end(self, end: End, at: datetime) -> None:
        """Note how the run ended."""
        ...

    def close(self) -> None:
        """Write what was kept back until now."""
        ...


class Tracker(Protocol):
    """A place that shows experiments."""

    @property
    def label(self) -> str:
        """What it is called in logs and messages, without a secret."""
        ...

    def open(self, run: RunSpec) -> OpenRun:
        """Find a run, or create it; raise `TrackerError` if that fails."""
        ...
