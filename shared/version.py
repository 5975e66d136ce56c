"""The version of deepchord, which messages and records carry."""

from functools import cache


@cache
def version() -> str:
    """Return the version of the running deepchord."""
    from importlib.metadata import PackageNotFoundError  # slower to import than all else that `--help` needs of ours
    from importlib.metadata import version as installed

    try:
        return installed("deepchord")
    except PackageNotFoundError:  # the sources were never installed
        return "unknown"
