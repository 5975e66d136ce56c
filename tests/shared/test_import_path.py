import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepchord.shared.import_path import absolute_entries, without_current_folder

HOME, LIBRARY = "/opt/deepchord", "/usr/lib/python3"
INSTALLED = [LIBRARY, f"{LIBRARY}/lib-dynload", "/usr/lib/python3/site-packages"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(Path.cwd())


def path_without(*given: str, pythonpath: str = "", home: str = HOME) -> list[str]:
    return without_current_folder([*given, *INSTALLED], pythonpath, home, LIBRARY)


@pytest.mark.parametrize("entry", ["", ".", "here"])
def test_the_current_folder_is_off_the_path_however_it_is_written(here, entry):
    assert path_without(here if entry == "here" else entry, "/usr/bin") == ["/usr/bin", *INSTALLED]


@pytest.mark.parametrize("pythonpath", [":/more", "/more:", "/more::", ".:/more", "src:/more", "../up:/more"])
def test_what_pythonpath_names_by_the_current_folder_goes_and_whole_paths_stay(here, pythonpath):
    made = [str(Path(here, part).resolve()) for part in pythonpath.split(":")]

    assert path_without("/usr/bin", *made, pythonpath=pythonpath) == ["/usr/bin", "/more", *INSTALLED]
    assert absolute_entries(pythonpath) == "/more"


def test_the_current_folder_stays_where_it_is_named_on_purpose_or_is_our_own(here):
    assert path_without(here, pythonpath=here) == [here, *INSTALLED]
    assert path_without(here, home=here) == [here, *INSTALLED]


@pytest.mark.parametrize("entry", ["", ".", "src"])
def test_it_goes_also_where_it_was_removed(entry, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert path_without(entry, "/usr/bin", pythonpath="src:/more") == ["/usr/bin", *INSTALLED]


def test_modules_of_pythonpath_that_are_called_like_parts_of_deepchord_are_nothing_to_it(tmp_path):
    for name in ("shared", "worker", "coordinator"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger')")

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "deepchord", "--help"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_is_installed_stays_also_when_deepchord_is_started_from_there(monkeypatch, tmp_path):
    installed = [LIBRARY, str(tmp_path)]

    assert without_current_folder(["/usr/bin", *installed], "", HOME, LIBRARY) == ["/usr/bin", *installed]
