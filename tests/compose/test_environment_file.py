import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my fleet"
    folder.mkdir()
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder: Path) -> dict[str, str]:
    subprocess.run(["make", ".env"], cwd=folder, check=True, capture_output=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_environment_of_the_stack_has_passwords_of_its_own_and_a_folder_that_its_user_may_write(folder):
    values = make(folder)

    secrets = [value for name, value in values.items() if name.endswith(("_PASSWORD", "_TOKEN"))]
    assert len(secrets) == len(set(secrets)) == 6
    assert all(len(secret) == 48 and secret.isalnum() for secret in secrets)
    assert {values["DEEPCHORD_SERVE_TOKEN"], values["DEEPCHORD_DASHBOARD_TOKEN"]} < set(secrets)
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    assert values["DEEPCHORD_HOST"] == platform.node()
    assert values["DEEPCHORD_RESULTS_ON_HOST"] == f"'{folder}/results'"
    assert int(values["DEEPCHORD_UID"]) == (os.getuid() or 1000) == (folder / "results").stat().st_uid


def test_an_environment_that_is_there_is_left_as_it_is(folder):
    (folder / ".env").write_text("ENGINE=jax\n")
    os.utime(folder / ".env", (0, 0))

    assert make(folder) == {"ENGINE": "jax"}
