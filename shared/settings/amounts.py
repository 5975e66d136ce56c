"""Settings that people write with a unit: durations such as `1h30m`, sizes such as `4GB`, hours such as 19:00-07:00."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Self

from pydantic import ByteSize, TypeAdapter, ValidationError

from deepchord.shared.validation import shortened

_UNITS_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?[dhms])+", re.ASCII)
_PART = re.compile(r"([\d.]+)([dhms])", re.ASCII)
_CLOCK = r"([01]?[0-9]|2[0-3]):([0-5][0-9])"
_HOURS = re.compile(f"{_CLOCK}-{_CLOCK}", re.ASCII)
_SIZE = TypeAdapter(ByteSize)
#: A longer text is no size.
_MAX_SIZE_LENGTH = 20


@dataclass(frozen=True, kw_only=True)
class Hours:
    """A part of each day in local time, from a start to an end, which may lie beyond midnight."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hours that a text such as `19:00-07:00` names; raise ValueError if it names none."""
        found = _HOURS.fullmatch(text.replace(" ", ""))
        if found is None:
            raise ValueError(f"expected two times of day such as 19:00-07:00, found {shortened(text)}")
        from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
        start, end = time(from_hour, from_minute), time(to_hour, to_minute)
        if start == end:
            raise ValueError(f"expected two different times of day, found {start:%H:%M} twice")
        return cls(start=start, end=end)

    def contain(self, moment: time) -> bool:
        """Return whether a time of day lies within these hours; the end does not."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def checked_hours(text: str | None) -> str | None:
    """Return hours as they are always written; raise ValueError if they are none."""
    return None if text is None else str(Hours.parse(text))


def seconds(value: object) -> object:
    """Return the seconds of a duration such as `90s`, `2h` or `1h30m`; numbers, also as texts, are seconds already."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        pass
    written = value.replace(" ", "")
    if not _DURATION.fullmatch(written):
        raise ValueError(f"expected a duration such as 90s, 30m, 2h or 1h30m, found {shortened(value)}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(written))


def size_bytes(value: object) -> object:
    """Return the bytes of a size such as `4GB` or `512MiB`; numbers are bytes already."""
    if not isinstance(value, str):
        return value
    try:
        if len(value) > _MAX_SIZE_LENGTH:
            raise ValueError("no size is so long")
        return int(_SIZE.validate_python(value))
    except (ValidationError, ValueError) as error:
        raise ValueError(f"expected a size such as 4GB or 512MiB, found {shortened(value)}") from error
