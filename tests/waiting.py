"""Waiting for what is to happen, with no guess how long that takes."""

import time
from collections.abc import Callable
from typing import TypeVar

#: A safety net only; PlaidML compiles for two minutes on a busy machine, nothing else takes a tenth of it.
PATIENCE_S = 480.0

T = TypeVar("T")


def wait_until(what: Callable[[], T], why: str) -> T:
    """Wait until something is true, and return it; the time limit is a safety net only."""
    last = time.monotonic() + PATIENCE_S
    while time.monotonic() < last:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {why}")
