"""The difference between this machine's clock and the broker's."""

import time
from collections.abc import Callable

import redis

#: A larger difference is reported. Leases do not depend on clocks; durations, signatures of S3 and certificates do.
MAX_SKEW_S = 60.0


def clock_skew_s(client: redis.Redis, now: Callable[[], float] = time.time) -> float:
    """Return the seconds by which this machine's clock is ahead of the broker's.

    Raises:
        redis.RedisError: The broker does not answer.
    """
    before = now()
    seconds, microseconds = client.time()
    return (before + now()) / 2 - (seconds + microseconds / 1e6)


def describe_skew(skew_s: float) -> str:
    """Return a sentence that says how wrong this machine's clock is, and what to do."""
    direction = "ahead of" if skew_s > 0 else "behind"
    return f"this machine's clock is {abs(skew_s):,.0f} s {direction} the broker's: set it, best by NTP"
