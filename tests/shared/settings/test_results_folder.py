import os
from pathlib import Path

import pytest

from deepchord.shared.errors import InputError
from deepchord.shared.settings import Settings
from deepchord.shared.settings.results_folder import check_folder


def test_whether_a_folder_can_be_made_is_known_without_making_it(tmp_path):
    (tmp_path / "file").write_text("")

    check_folder(tmp_path / "new" / "results", Settings())
    with pytest.raises(InputError, match=r"file is no folder; give another with --out\.$"):
        check_folder(tmp_path / "file" / "results", Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_this_user_may_not_write_is_named(tmp_path, monkeypatch):
    # Tests may run as root, who may write everywhere.
    monkeypatch.setattr("deepchord.shared.settings.results_folder.os.access", lambda *_: False)

    with pytest.raises(InputError, match=rf"{tmp_path} cannot be written by this user"):
        check_folder(tmp_path / "results", Settings())


def test_in_a_container_a_folder_that_cannot_be_written_is_told_by_its_name_on_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr("deepchord.shared.settings.results_folder.os.access", lambda *_: False)
    settings = Settings(results=tmp_path, results_on_host=Path("/home/me/my fleet/results"))
    user = f"{os.getuid()}:{os.getgid()}"

    with pytest.raises(InputError, match=rf"`sudo chown {user} '/home/me/my fleet/results'`.* DEEPCHORD_UID"):
        check_folder(tmp_path, settings)
    with pytest.raises(InputError, match=r"give another folder with --out\.$"):
        check_folder(tmp_path.parent / "elsewhere", settings)
