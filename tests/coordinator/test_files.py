import json
import tomllib
from pathlib import Path

import pytest

from deepchord.coordinator import files
from deepchord.coordinator.files import FILES, read_file
from deepchord.shared.errors import InputError

ROOT = Path(__file__).parents[2]


def test_the_users_of_a_broker_and_a_dashboard_come_with_deepchord():
    assert [line.split()[:2] for line in read_file("users.acl").splitlines() if line.startswith("user")][-3:] == [
        ["user", "coordinator"],
        ["user", "worker"],
        ["user", "flower"],
    ]
    assert json.loads(read_file("grafana.json"))["panels"]


def test_all_files_are_in_the_wheel():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    lying_there = {path.name for path in Path(files.__file__).parent.iterdir() if path.is_file()}

    assert set(packaged["deepchord.coordinator.files"]) == set(FILES) == lying_there - {"__init__.py"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("user.acl", "^No file 'user.acl' comes with deepchord; did you mean 'users.acl'[?]$"),
        ("../x", r"^No file '\.\./x' comes with deepchord; valid are grafana\.json, users\.acl\.$"),
    ],
)
def test_another_file_is_refused_with_those_there_are(name, sentence):
    with pytest.raises(InputError, match=sentence):
        read_file(name)
