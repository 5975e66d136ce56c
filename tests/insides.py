"""How processes that tests start differ from people's: modules of tests/inside that they import first."""

import os
from pathlib import Path

_FOLDER = str(Path(__file__).parent / "inside")


def inside(*modules: str) -> dict[str, str]:
    """Return the variables with which each new Python process, and those that it starts, imports these modules, too."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    names = os.environ.get("TESTS_INSIDE", "").split(",")
    return {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, [_FOLDER, *folders]))),
        "TESTS_INSIDE": ",".join(dict.fromkeys(filter(None, [*names, *modules]))),
    }
