"""Paths and patterns as people write them: what exists is taken literally, whatever characters its name has."""

import fnmatch
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from deepchord.shared.command_line.printable import label

_WILD = "*?["


def user_path(text: str | Path) -> Path:
    """Return a path in which a leading `~` means the user's home, unless something is called like that.

    An unknown `~user` stays as it is.
    """
    return Path(text) if os.path.lexists(text) else Path(os.path.expanduser(text))  # noqa: PTH111  see above


def home_path(path: Path | None) -> Path | None:
    """Return what an option says as `user_path` reads it; shells leave the `~` of `--out=~/x` as it is."""
    return None if path is None else user_path(path)


def matching_paths(pattern: str) -> list[Path]:
    """Return what a shell pattern names, part by part: a part that exists is taken literally, brackets and all.

    `**` stands for any folders, none among them. Hidden names are found only by patterns that begin with a dot.
    Umlauts are found in either way of writing them in Unicode.
    """
    path = user_path(pattern)
    found = [Path(path.anchor)]
    for part in path.relative_to(path.anchor).parts:
        found = [each for folder in found for each in _step(folder, part)]
    return list(dict.fromkeys(found))


def printable_path(path: str | Path) -> str:
    """Return a path for people: bytes that are no UTF-8, line breaks and what terminals obey are replaced."""
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
    """Yield a folder and all below it; links are not followed, which may lead round in circles."""
    yield folder
    for name in _names(folder):
        below = folder / name
        if not name.startswith(".") and below.is_dir() and not below.is_symlink():
            yield from _folders(below)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  of a relative pattern the folder is "."
    except OSError:
        return []
