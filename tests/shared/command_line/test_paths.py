import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.command_line import home_path, matching_paths, printable_path, user_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_a_tilde_means_the_home_folder_unless_something_is_called_so(home: Path):
    assert user_path("~/x") == home / "x"
    assert user_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    Path("~").mkdir()
    Path("~/x").touch()
    assert user_path("~/x") == Path("~/x")
    assert home_path(None) is None
    assert home_path(Path("~/y")) == home / "y"


def test_two_stars_stand_for_any_folders_and_links_are_not_followed_in_circles(home: Path):
    for folder in ("a/b/c", ".hidden"):
        Path(folder).mkdir(parents=True)
        Path(folder, "w.h5").touch()
    Path("a/round").symlink_to(".")
    Path("w.h5").touch()

    assert matching_paths("**/w.h5") == [Path("w.h5"), Path("a/b/c/w.h5")]
    assert matching_paths(".h*/*.h5") == [Path(".hidden/w.h5")]
    assert matching_paths("*/b/**/w.h5") == [Path("a/b/c/w.h5")]


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)


@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_whatever_a_file_is_called_its_path_is_a_pattern_of_it_alone(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
):
    folder = tmp_path_factory.mktemp("names")
    for name in names:
        (folder / name).touch()

    for name in names:
        assert matching_paths(str(folder / name)) == [folder / name]


def test_what_terminals_obey_and_bytes_that_are_no_text_are_replaced():
    assert printable_path("für x.h5") == "für x.h5"
    assert printable_path("a\x1b[31m\n" + os.fsdecode(b"\xff")) == "a\ufffd[31m\ufffd\ufffd"
