"""Names of classes and members where there is little room, or which are written right to left: short, yet different."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len, split_graphemes

_ELLIPSIS = "…"
#: Between these two characters a name has its own direction of writing, without markup (Unicode's annex 9).
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
#: What is left of a word that was cut is dropped if it is not longer than this.
_SCRAP = 3
_RIGHT_TO_LEFT = ("R", "AL", "AN")


def isolated(text: str) -> str:
    """Return a name that cannot change the direction of the text around it, even if it is written right to left."""
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return f"{_ISOLATE}{text}{_END_OF_ISOLATE}"
    return text


def elided(text: str, cells: int) -> str:
    """Return a text shortened to at most `cells` columns of a terminal; if it is longer, its middle is left out.

    What many names have in common is often their beginning; what tells them apart stands at their end as well.
    """
    if cell_len(text) <= cells:
        return text
    spans, _ = split_graphemes(text)
    head = _as_many(spans, cells // 2)
    tail = _as_many(spans[::-1], cells - 1 - cells // 2)
    start = spans[head - 1][1] if head else 0
    end = spans[-tail][0] if tail else len(text)
    return f"{_without_scrap(text[:start], text[start:])}{_ELLIPSIS}{_without_scrap(text[end:], text[:end], -1)}"


def shortened(names: Mapping[int, str], shorten: Callable[[str, str], str]) -> dict[int, str]:
    """Return short names by number; names that would look alike end in their number.

    Args:
        names: All names that are shown together, by the number of their class.
        shorten: Takes a name and an ending, and returns the name shortened so that both together fit; the ending stays.
    """
    short = {number: shorten(name, "") for number, name in names.items()}
    times = Counter(short.values())
    return {
        number: shorten(names[number], f" #{number}") if times[name] > 1 else name for number, name in short.items()
    }


def member_list(names: Sequence[str], most: int = 5) -> str:
    """Return `Member 3`, `Members 1, 3 and 4` or `Members 0, 1, 2, 3, 4 and 7 others`."""
    if len(names) == 1:
        return f"Member {names[0]}"
    shown, last = (names[:-1], names[-1]) if len(names) <= most + 1 else (names[:most], f"{len(names) - most} others")
    return f"Members {', '.join(shown)} and {last}"


def short_names(names: Sequence[str], cells: int) -> tuple[str, ...]:
    """Return names of at most so many columns of a terminal, as different as they were."""
    short = shortened(dict(enumerate(names)), lambda name, ending: elided(name, cells - len(ending)) + ending)
    return tuple(short.values())


def _without_scrap(kept: str, cut: str, side: int = 1) -> str:
    """Return a kept part without the few letters of a word that was cut at its end (side 1) or beginning (side -1)."""
    words = kept.rsplit(maxsplit=1) if side == 1 else kept.split(maxsplit=1)[::-1]
    is_cut = bool(cut) and not (cut[:1] if side == 1 else cut[-1:]).isspace()
    if is_cut and len(words) == 2 and not kept[-side:].isspace() and len(words[1]) <= _SCRAP:
        kept = words[0]
    return kept.strip()


def _as_many(spans: Sequence[tuple[int, int, int]], cells: int) -> int:
    """Return how many graphemes from the first on fit."""
    used = 0
    for count, (_, _, width) in enumerate(spans):
        used += width
        if used > cells:
            return count
    return len(spans)
