import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.runs import plan_request, plan_run
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.cli.processes import LAYERS, Command, Ended, arrays


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run a command to its end, in a folder of its own."""

    def run(*arguments: str | Path, limits: Mapping[int, int] | None = None, **variables: str) -> Ended:
        def limit() -> None:
            for name, value in (limits or {}).items():
                resource.setrlimit(name, (value, value))

        (tmp_path / "here").mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-P", "-m", "deepchord", *map(str, arguments)],
            cwd=tmp_path / "here",
            env={**os.environ, "DEEPCHORD_STORAGE": str(tmp_path / "storage"), "COLUMNS": "100", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,  # a safety net; what is not possible is to be said within 10 s
            check=False,
            preexec_fn=limit if limits else None,
        )

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", **arrays())
    return tmp_path / "data.npz"


@pytest.fixture
def recipe(tmp_path: Path, data: Path) -> Callable[[str], Path]:
    """A recipe that could be trained, and what is added to it."""

    def write(text: str = "", layers: str = LAYERS) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(f"dataset = 'data.npz'\n{layers}\n{text}")
        return path

    return write


@pytest.fixture
def stored_run(tmp_path: Path) -> RunSpec:
    """A run in storage that nobody has trained yet."""
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    dataset = publish_dataset(dataset_from_arrays(arrays(), name="data.npz", source="data.npz"), store)
    architecture = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
    request = plan_request(None, {"members": 2, "seed": 1})
    run = plan_run(request, architecture, dataset, max_attempts=3, now=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))
    store.create_run(run)
    return run
