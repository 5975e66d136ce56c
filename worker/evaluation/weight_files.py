"""Finds the weight files that a pattern matches, and their names for a report."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepchord.shared.command_line import matching_paths, printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import describe_kind, kind_of

#: The suffixes of files that Keras saves.
SUFFIXES = (".h5", ".hdf5", ".keras")
#: The suffixes of other frameworks. Such files in a folder are left out, and a note names them.
_OTHER_SUFFIXES = (
    *(".pt", ".pth", ".ckpt", ".bin", ".onnx", ".tflite", ".pb", ".safetensors"),
    *(".pkl", ".pickle", ".joblib", ".npz", ".zip", ".gz", ".tar"),
)
_MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The weight files that a pattern matches."""

    #: Sorted by name; numbers in names are sorted as numbers.
    files: tuple[Path, ...]
    #: Notes about models beside them that are left out.
    notes: tuple[str, ...] = ()


def find_weight_files(pattern: str) -> Matches:
    """Return the weight files that a shell pattern, a file name or a folder matches; see `matching`.

    Raises:
        InputError: There are none, and the message names what is there instead; or a folder cannot be listed.
    """
    paths = matching_paths(pattern) if pattern else []
    try:
        files, left_out = _files_of(paths)
        if not files:
            raise InputError(_nothing_found(pattern, paths, left_out))
    except OSError as error:
        named = printable_path(error.filename or pattern)
        raise InputError(f"{named} cannot be listed: {error.strerror}.") from error
    notes = (f"left out are {_listed(left_out)}",) if left_out else ()
    return Matches(files=tuple(sorted(files, key=_natural)), notes=notes)


def distinct(files: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return each file once, also if several links or patterns lead to it, and a note about each repetition."""
    first: dict[str, Path] = {}
    notes = []
    for file in files:
        known = first.setdefault(os.path.realpath(file), file)
        if known is not file:
            notes.append(f"{printable_path(file)} is {printable_path(known)} once more; it counts once")
    return tuple(first.values()), tuple(notes)


def name_members(files: Sequence[Path]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the common folder of some files, and a unique name for each file in it."""
    folders = [file.parent for file in files]
    if len({file.name for file in files}) == len(files):
        names = [file.name for file in files]
        folder = folders[0] if len(set(folders)) == 1 else _common(folders)
    else:
        folder = _common(folders)
        names = [os.path.relpath(file, folder) for file in files]
    return printable_path(folder), tuple(printable_path(name) for name in names)


def _files_of(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the weight files among paths and in the folders among them, and the models that are left out."""
    files, left_out = [], []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
            files += [each for each in inside if each.suffix.lower() in SUFFIXES and not each.is_dir()]
            left_out += [each for each in inside if _is_left_out(each)]
        elif path.is_file() or path.suffix.lower() in SUFFIXES:
            files.append(path)
    return files, left_out


def _nothing_found(pattern: str, found: Sequence[Path], left_out: Sequence[Path]) -> str:
    hint = "give a folder, a file or a pattern in quotes, like 'old/*.hdf5'"
    start = f"No weight file fits {printable_path(pattern)!r}"
    for path in found:
        kind = _describe(path)
        if kind:
            return f"{start}: {kind}. Expected HDF5 or .keras files of Keras."
    if left_out:
        return f"{start}: there are {_listed(left_out)}. Expected HDF5 or .keras files of Keras."
    below = [path for path in found if path.is_dir() and any(_has_weights(each) for each in path.iterdir())]
    if below:
        return f"{start}: there are some in the folders below it; give '{printable_path(below[0])}/*/*'."
    if any(path.exists() and not path.is_dir() for path in found):
        return f"{start}: it is neither a file nor a folder."
    return f"{start}; {hint}."


def _has_weights(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(each.suffix.lower() in SUFFIXES for each in folder.iterdir())
    except OSError:  # it may not be listed
        return False


def _is_left_out(path: Path) -> bool:
    if not path.is_dir() and path.suffix.lower() not in _OTHER_SUFFIXES:
        return False
    try:
        kind = kind_of(path)
    except OSError:  # a link to nothing, for instance
        return False
    return kind is not None and kind.is_model


def _listed(paths: Sequence[Path]) -> str:
    named = [
        f"{printable_path(path.name)} ({_describe(path) or 'nothing that is known'})" for path in paths[:_MAX_NAMED]
    ]
    more = len(paths) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _describe(path: Path) -> str:
    try:
        return describe_kind(kind_of(path))
    except OSError:
        return ""


def _common(folders: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([os.path.abspath(folder) for folder in folders]))  # noqa: PTH100  links stay


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort `weights_10` behind `weights_9`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]
