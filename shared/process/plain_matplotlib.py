"""Imports matplotlib without a `matplotlibrc` of the current folder, which may change figures or fail."""

import contextlib
import importlib
from pathlib import Path


def import_plain_matplotlib() -> None:
    """Import matplotlib from a folder of deepchord, so that it reads no `matplotlibrc` of the current one.

    Call this before Keras imports matplotlib.
    """
    with contextlib.chdir(Path(__file__).parent):
        importlib.import_module("matplotlib")
