"""Data and recipes for commands that run in a process of their own, and how such a command ends."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

Ended = subprocess.CompletedProcess[str]
Command = Callable[..., Ended]

LAYERS = """
layers = [{ type = "flatten" }, { type = "dense", units = "classes", activation = "softmax" }]
"""


def arrays(size: int = 20) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        "x_train": generator.integers(0, 256, (size, 6, 6), dtype=np.uint8),
        "y_train": np.arange(size) % 2,
        "x_test": generator.integers(0, 256, (size, 6, 6), dtype=np.uint8),
        "y_test": np.arange(size) % 2,
    }


def sentence_of(ended: Ended, exit_code: int = 2) -> str:
    """The one sentence that a command ended with; nothing else was printed."""
    assert (ended.returncode, ended.stdout) == (exit_code, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert line[-1] in ".?"
    return line.removeprefix("error: ")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
