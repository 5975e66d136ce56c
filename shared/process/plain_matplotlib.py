"""matplotlib as it is installed: by itself it takes a `matplotlibrc` of the current folder, or fails at it."""

import contextlib
import importlib
from pathlib import Path


def import_plain_matplotlib() -> None:
    """Import matplotlib from a folder of ours, before anybody else does; Keras does, for pictures of its own."""
    with contextlib.chdir(Path(__file__).parent):
        importlib.import_module("matplotlib")
