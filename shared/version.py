"""The version of deepchord, which messages and records carry."""

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed


@cache
def version() -> str:
    """Return the version of the running deepchord."""
    try:
        return _installed("deepchord")
    except PackageNotFoundError:  # the sources were never installed
        return "unknown"
