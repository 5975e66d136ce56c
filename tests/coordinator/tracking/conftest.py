import shutil
from pathlib import Path

import pytest

from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore

STORED = Path(__file__).parents[2] / "data" / "stored_runs" / "storage"
#: A run of two members that was trained and evaluated for real.
FINISHED = "20261129-005357-bfcd"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shutil.copytree(STORED, tmp_path / "storage")
    return load_settings(storage=str(tmp_path / "storage"))


@pytest.fixture
def store(settings: Settings) -> RunStore:
    return RunStore.open(settings)


@pytest.fixture
def finished(store: RunStore) -> RunSpec:
    return store.run(FINISHED)
