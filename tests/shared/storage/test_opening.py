import pytest

from deepchord.shared.errors import InputError
from deepchord.shared.settings import Settings
from deepchord.shared.storage.opening import open_object_store


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_can_be_given_in_several_ways(tmp_path, form):
    open_object_store(Settings(storage=form.format(tmp_path / "storage"))).create("one", b"1")

    assert (tmp_path / "storage" / "one").read_bytes() == b"1"


def test_a_relative_folder_and_the_home_are_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert open_object_store(Settings(storage="storage")).url == str(tmp_path / "storage")
    assert open_object_store(Settings(storage="~/storage")).url == str(tmp_path / "home" / "storage")


@pytest.mark.parametrize("url", ["s4://bucket/runs", "http://host", "ftp://elsewhere/folder"])
def test_a_storage_that_is_not_known_is_named(url):
    with pytest.raises(InputError, match="is not known: give a folder"):
        open_object_store(Settings(storage=url))
