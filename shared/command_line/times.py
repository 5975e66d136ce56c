"""Durations and moments as people type them: `90d`, `12h`, `2026-05-04`."""

import re
from datetime import UTC, datetime, timedelta

from deepchord.shared.errors import InputError

_SHOWN = 60
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str, option: str) -> timedelta:
    """Return a duration such as `30m`, `12h`, `90d` or `2w`.

    Args:
        text: What was typed.
        option: Where, for the error.

    Raises:
        InputError: It is no duration.
    """
    found = re.fullmatch(r"([0-9]{1,5})([mhdw])", text.strip())
    if found is None:
        raise InputError(f"{option} is {text[:_SHOWN]!r}: expected minutes, hours, days or weeks, 30m, 12h, 90d or 2w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_moment(text: str, option: str, now: datetime) -> datetime:
    """Return a moment: so long ago, such as `7d`; or a date or time, `2026-05-04` or `2026-05-04T13:00`, in UTC.

    Args:
        text: What was typed.
        option: Where, for the error.
        now: The present time, in UTC.

    Raises:
        InputError: It is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return now - parse_duration(text, option)
    except InputError:
        raise InputError(
            f"{option} is {text[:_SHOWN]!r}: expected how long ago, 12h or 7d, or a date in UTC, 2026-05-04."
        ) from None
