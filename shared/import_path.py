"""Removes the current folder from the module search path, so that deepchord imports no module from there.

The file lies outside of the rooms, because it must be imported before anything else.
"""

import os
import sys
from collections.abc import Sequence

#: The folder that contains the package `deepchord`.
HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def remove_current_folder() -> None:
    """Remove the current folder and all relative entries of PYTHONPATH from this process's module search path.

    `python -m` adds the current folder. An empty entry of PYTHONPATH does the same; `PYTHONPATH=$PYTHONPATH:/more`
    creates one if PYTHONPATH was empty.
    """
    library = os.path.dirname(os.__file__)
    sys.path[:] = without_current_folder(sys.path, os.environ.get("PYTHONPATH", ""), HOME, library)


def without_current_folder(path: Sequence[str], pythonpath: str, home: str, library: str) -> list[str]:
    """Return a module search path without the entries that depend on the current folder.

    Args:
        path: The path that Python built: entries of the command and of PYTHONPATH, then the standard library and the
            installed packages.
        pythonpath: The variable PYTHONPATH; its absolute entries were given on purpose and stay.
        home: The folder of deepchord itself.
        library: The folder of the standard library.
    """
    entries = pythonpath.split(os.pathsep) if pythonpath else []
    kept = {home, *(entry for entry in entries if os.path.isabs(entry))}
    unwanted = {_absolute(entry) for entry in ("", *entries) if not os.path.isabs(entry)} - kept
    end = path.index(library) if library in path else len(path)
    given = [entry for entry in path[:end] if entry in kept or _absolute(entry) not in unwanted]
    return [*given, *path[end:]]


def absolute_entries(pythonpath: str) -> str:
    """Return PYTHONPATH without empty and relative entries, which mean another folder in each process."""
    return os.pathsep.join(entry for entry in pythonpath.split(os.pathsep) if os.path.isabs(entry))


def _absolute(entry: str) -> str:
    """Return the absolute path of an entry; a normalized relative path if the current folder no longer exists."""
    try:
        return os.path.abspath(entry)
    except OSError:
        return os.path.normpath(entry)
