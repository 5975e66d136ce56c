from pathlib import Path

import pytest

from deepchord.shared.settings import Settings, path_on_host

HOST = Path("/home/me/deepchord/results")


@pytest.mark.parametrize(
    ("path", "found"),
    [("run/index.html", HOST / "run" / "index.html"), (".", HOST), ("run/../other", HOST / "other")],
)
def test_results_of_a_container_are_told_by_their_path_on_its_host(tmp_path, path, found):
    settings = Settings(results=tmp_path / "results", results_on_host=HOST)

    assert path_on_host(tmp_path / "results" / path, settings) == found


def test_what_is_not_below_the_results_is_told_as_it_is(tmp_path):
    settings = Settings(results=tmp_path / "results", results_on_host=HOST)

    assert path_on_host(tmp_path / "elsewhere", settings) == tmp_path / "elsewhere"
    assert path_on_host(tmp_path / "results-of-others", settings) == tmp_path / "results-of-others"


def test_without_a_container_every_path_is_told_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert path_on_host(Path("results/run"), Settings()) == tmp_path / "results" / "run"
