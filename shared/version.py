"""Which deepchord this is, for whatever other versions read."""

from functools import cache


@cache
def version() -> str:
    """Return the version of deepchord that runs."""
    from importlib.metadata import PackageNotFoundError  # slower to import than all else that `--help` needs of ours
    from importlib.metadata import version as installed

    try:
        return installed("deepchord")
    except PackageNotFoundError:  # a copy of the sources that was never installed
        return "unknown"
