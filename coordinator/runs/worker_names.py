"""Workers by their names: which of them somebody means, and how they are written where there is little room."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from deepchord.shared.errors import InputError

#: What makes a pattern of a name.
_WILDCARDS = frozenset("*?[")


def match_workers(asked: str, connected: Sequence[str]) -> list[str]:
    """Return the workers that somebody means by a name, by any part of one, or by a pattern.

    A whole name goes before what stands before or after its `@`, that before a piece of it. A pattern means all that it
    fits, as a whole or on one side of the `@`; any other text has to mean one worker alone.

    Args:
        asked: What somebody typed.
        connected: The names of all workers that are there.

    Raises:
        InputError: No worker is called so, or several are.
    """
    for is_meant in _ways(asked):
        found = [name for name in connected if is_meant(name)]
        if len(found) == 1 or (found and is_pattern(asked)):
            return found
        if found:
            raise InputError(
                f"{asked} could mean {_listed(found)}: give more of the name, or a pattern such as '*{asked}*' for all."
            )
    raise InputError(f"No connected worker is called {asked or 'nothing'}; connected are: {_listed(connected)}.")


def is_pattern(asked: str) -> bool:
    """Say whether a text has wildcards."""
    return not _WILDCARDS.isdisjoint(asked)


def shorten_names(names: Sequence[str], width: int) -> list[str]:
    """Return names that fit a width, cut on the left; as they are where two would look alike."""
    short = [name if len(name) <= width else f"…{name[len(name) - width + 1 :]}" for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)


def _ways(asked: str) -> Iterable[Callable[[str], bool]]:
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
