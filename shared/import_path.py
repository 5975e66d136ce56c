"""Keeps the folder that deepchord is started in off the path of modules: what lies there is not ours to run."""

import os
import sys
from collections.abc import Sequence

#: The folder that the package `deepchord` lies in.
HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def remove_current_folder() -> None:
    """Take the current folder, and whatever a relative part of PYTHONPATH names, off this process's path of modules.

    `python -m` puts it there, and so does an empty part of PYTHONPATH, as `export PYTHONPATH=$PYTHONPATH:/more` makes.
    """
    library = os.path.dirname(os.__file__)
    sys.path[:] = without_current_folder(sys.path, os.environ.get("PYTHONPATH", ""), HOME, library)


def without_current_folder(path: Sequence[str], pythonpath: str, home: str, library: str) -> list[str]:
    """Return a path of modules without what came there from the current folder.

    Args:
        path: As Python made it: what the command and PYTHONPATH give, then the standard library and what is installed.
        pythonpath: The variable; what it names by a whole path was given on purpose.
        home: Where deepchord itself lies.
        library: Where the standard library lies.
    """
    parts = pythonpath.split(os.pathsep) if pythonpath else []
    kept = {home, *(part for part in parts if os.path.isabs(part))}
    unwanted = {_whole(part) for part in ("", *parts) if not os.path.isabs(part)} - kept
    end = path.index(library) if library in path else len(path)
    given = [entry for entry in path[:end] if entry in kept or _whole(entry) not in unwanted]
    return [*given, *path[end:]]


def absolute_entries(pythonpath: str) -> str:
    """Return PYTHONPATH without its empty and relative parts, which would mean another folder in each process."""
    return os.pathsep.join(part for part in pythonpath.split(os.pathsep) if os.path.isabs(part))


def _whole(part: str) -> str:
    """Return the whole path of a part; the part itself if the current folder is gone, where nothing can lie."""
    try:
        return os.path.abspath(part)
    except OSError:
        return os.path.normpath(part)
