"""What the page is sent, as JSON."""

from datetime import datetime
from typing import Any

from pydantic_core import to_json


def encode(data: Any) -> bytes:
    """Return data as JSON in which a number that JSON has not (NaN, infinity) is null."""
    return to_json(data, inf_nan_mode="null")


def moment(time: datetime | None) -> str | None:
    """Return a time to the second."""
    return None if time is None else time.isoformat(timespec="seconds")


def short(value: float | None) -> float | None:
    """Return a number with six significant digits, which is more than a screen shows."""
    return None if value is None else float(f"{value:.6g}")
