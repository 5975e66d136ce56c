"""Paths and patterns as users type them; a name that exists is taken literally, even if it looks like a pattern."""

import fnmatch
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from deepchord.shared.command_line.printable import label

_WILD = "*?["


def user_path(text: str | Path) -> Path:
    """Return a path in which a leading `~` means the user's home, unless a file of that name exists.

    An unknown `~user` stays as it is.
    """
    return Path(text) if os.path.lexists(text) else Path(os.path.expanduser(text))  # noqa: PTH111  see above


def home_path(path: Path | None) -> Path | None:
    """Return the path of an option as `user_path` does; shells do not expand the `~` in `--out=~/x`."""
    return None if path is None else user_path(path)


def matching_paths(pattern: str) -> list[Path]:
    """Return the paths that match a shell pattern.

    A part of the pattern that exists as a name is taken literally, with its brackets for example. `**` stands for any
    number of folders, also none. Hidden names match only patterns that begin with a dot. The Unicode forms of an umlaut
    match each other.
    """
    path = user_path(pattern)
    paths = [Path(path.anchor)]
    for part in path.relative_to(path.anchor).parts:
        paths = [path_below for folder in paths for path_below in _step(folder, part)]
    return list(dict.fromkeys(paths))


def printable_path(path: str | Path) -> str:
    """Return a path to show: bytes that are not UTF-8, line breaks and control characters are replaced."""
    return label(str(path))


def _step(folder: Path, part: str) -> Iterator[Path]:
    if os.path.lexists(folder / part):
        yield folder / part
    elif part == "**":
        yield from _folders(folder)
    else:
        wanted = unicodedata.normalize("NFC", part)
        yield from (folder / name for name in _names(folder) if _fits(unicodedata.normalize("NFC", name), wanted))


def _fits(name: str, wanted: str) -> bool:
    if not any(sign in wanted for sign in _WILD):
        return name == wanted
    return fnmatch.fnmatchcase(name, wanted) and (wanted.startswith(".") or not name.startswith("."))


def _folders(folder: Path) -> Iterator[Path]:
    """Yield a folder and all folders below it; links are not followed, because they may form a circle."""
    yield folder
    for name in _names(folder):
        below = folder / name
        if not name.startswith(".") and below.is_dir() and not below.is_symlink():
            yield from _folders(below)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  the folder of a relative pattern is "."
    except OSError:
        return []
