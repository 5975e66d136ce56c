"""What is dear to make and nobody changes: made by the first process of pytest that needs it, for all of them."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
Once = Callable[[str, Callable[[], T]], T]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of pytest have in common."""
    ours = tmp_path_factory.getbasetemp()
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def once(shared_folder: Path) -> Once:
    """Return what makes a value once under a name; whoever asks later, or meanwhile, gets a copy of it."""
    import fcntl

    def make_once(name: str, make: Callable[[], T]) -> T:
        made = shared_folder / f"{name}.pickle"
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                aside = made.with_suffix(".part")
                aside.write_bytes(pickle.dumps(make()))
                aside.replace(made)
        return pickle.loads(made.read_bytes())

    return make_once
