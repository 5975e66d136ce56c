"""Matches workers by parts of their names, and shortens their names for tables."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from deepchord.shared.errors import InputError

#: A text with one of these is a pattern.
_WILDCARDS = frozenset("*?[")


def match_workers(asked: str, connected: Sequence[str]) -> list[str]:
    """Return the workers that a name, a part of a name, or a pattern matches.

    A whole name is tried first, then the part before or after the `@`, then any part of a name. A pattern may match
    several workers, by the whole name or by one side of the `@`; any other text must match exactly one.

    Args:
        asked: The text that somebody typed.
        connected: The names of all connected workers.

    Raises:
        InputError: No worker matches, or several do.
    """
    for matches in _matchers(asked):
        found = [name for name in connected if matches(name)]
        if len(found) == 1 or (found and is_pattern(asked)):
            return found
        if found:
            raise InputError(
                f"{asked} could mean {_listed(found)}: give more of the name, or a pattern such as '*{asked}*' for all."
            )
    raise InputError(f"No connected worker is called {asked or 'nothing'}; connected are: {_listed(connected)}.")


def is_pattern(asked: str) -> bool:
    """Return whether a text has wildcards."""
    return not _WILDCARDS.isdisjoint(asked)


def shorten_names(names: Sequence[str], width: int) -> list[str]:
    """Return the names cut on the left to a width; uncut if two of them would become equal."""
    short = [name if len(name) <= width else f"…{name[len(name) - width + 1 :]}" for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)


def _matchers(asked: str) -> Iterable[Callable[[str], bool]]:
    """Yield functions that match a worker's name, the strictest first."""
    if not asked:
        return
    yield lambda name: name == asked
    if is_pattern(asked):
        yield lambda name: any(fnmatchcase(part, asked) for part in (name, *name.split("@", 1)))
        return
    yield lambda name: asked in name.split("@", 1)
    yield lambda name: asked in name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
