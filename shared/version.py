"""Which deepchord this is, for whatever other versions read."""

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed


@cache
def version() -> str:
    """Return the version of deepchord that runs."""
    try:
        return _installed("deepchord")
    except PackageNotFoundError:  # a copy of the sources that was never installed
        return "unknown"
