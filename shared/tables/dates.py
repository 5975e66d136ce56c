"""Dates as people write them, and as numbers that a network can use."""

import re
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

#: Year first, as ISO 8601 has it; day first with points; month first with slashes.
_DATE = re.compile(
    r"(?:(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    r"|(?P<m3>\d{1,2})/(?P<d3>\d{1,2})/(?P<y3>\d{4}))"
    r"(?:[T ]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_DAY_US = 86_400_000_000
_DAYS_A_YEAR = 365.2425


def date_of_text(text: str) -> np.datetime64 | None:
    """Return the date that a text tells; with a time zone in UTC. None if it tells none."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = (next(filter(None, (found[name + end] for end in ("", "2", "3")))) for name in "ymd")
    time = found["time"] or "00:00"
    hours, minutes, seconds = (*time.split(":"), "0")[:3]
    written = f"{year}-{month:0>2}-{day:0>2}T{hours:0>2}:{minutes}:{seconds.partition('.')[0]:0>2}"
    fraction = (seconds.partition(".")[2] or "0")[:6]
    try:
        date = datetime.fromisoformat(f"{written}.{fraction:0<6}{(found['zone'] or '').replace('Z', '+00:00')}")
        if date.tzinfo is not None:
            date = date.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return np.datetime64(date, "us")


def days(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return the days since 1970-01-01, with their fractions; NaN for a missing date."""
    numbers = dates.astype(np.int64) / _DAY_US
    return np.asarray(np.where(np.isnat(dates), np.nan, numbers))


def has_time(dates: NDArray[np.datetime64]) -> bool:
    """Return whether any of the dates tells a time of the day."""
    known = dates[~np.isnat(dates)]
    return bool((known.astype(np.int64) % _DAY_US).any())


def cycles(day_numbers: NDArray[np.float64], *, with_time: bool) -> NDArray[np.float64]:
    """Return sine and cosine of the place in the year and in the week, and of the time of the day if that is wanted.

    Args:
        day_numbers: As `days` returns them [rows].
        with_time: Whether two more features tell the time.

    Returns:
        [rows, 4] or [rows, 6], 0 for a missing date.
    """
    whole = np.floor(day_numbers)
    places = [whole % _DAYS_A_YEAR / _DAYS_A_YEAR, whole % 7 / 7]
    if with_time:
        places.append(day_numbers - whole)
    angles = 2 * np.pi * np.stack(places, axis=1)
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(day_numbers), -1)
    return np.asarray(np.nan_to_num(pairs, nan=0.0))
