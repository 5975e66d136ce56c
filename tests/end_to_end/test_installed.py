"""The wheel, installed where deepchord's sources are not, and started beside other people's packages."""

import re
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.environments import ROOT, Environment, build_source_archive, build_wheel, copy_sources
from tests.fetching import fetch
from tests.places import Place, Started

#: The folders of the sources are called so, and other people's packages may be, too.
SIDES = ("shared", "worker", "coordinator")
#: Prints where deepchord and its sides come from, and which of the others' packages were imported.
IMPORTS = """
import sys
import deepchord, deepchord.shared.storage, deepchord.worker.training, deepchord.coordinator.report
for module in (deepchord, deepchord.shared, deepchord.worker, deepchord.coordinator):
    print(module.__file__)
print(sorted({"shared", "worker", "coordinator"} & {*sys.modules}))
"""
FILES = {
    "deepchord/py.typed",
    "deepchord/coordinator/files/users.acl",
    "deepchord/coordinator/files/grafana.json",
    "deepchord/coordinator/dashboard/page/index.html",
    "deepchord/coordinator/dashboard/page/main.js",
    "deepchord/coordinator/look/base.css",
    "deepchord/coordinator/report/page/templates/page.html",
    "deepchord/coordinator/report/page/templates/page.css",
    "deepchord/coordinator/report/page/templates/page.js",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return build_wheel(copy_sources(folder / "sources"), folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    environment = Environment.create(tmp_path_factory.mktemp("installed") / "environment")
    environment.install(wheel)
    return environment


@dataclass(frozen=True)
class Beside:
    """A place whose folder has packages called like the sides of deepchord, and the installed deepchord."""

    place: Place
    environment: Environment

    def start(self, *arguments: str | Path, **variables: str) -> Started:
        """Start the installed command."""
        return self.start_other(*self.environment.script("deepchord"), *arguments, **variables)

    def start_other(self, *command: str | Path, **variables: str) -> Started:
        """Start another command in that folder."""
        return self.place.start(command=list(map(str, command)), **variables)

    def output_of(self, *command: str | Path) -> str:
        """Run a command to its end; return what it printed."""
        started = self.start_other(*command)
        assert started.ended() == 0, started.err
        assert started.err == []
        return "\n".join(started.out)


@pytest.fixture
def beside(new_place: Callable[..., Place], installed: Environment, broker_server: str) -> Beside:
    place = new_place()
    for name in SIDES:
        (place.folder / name).mkdir()
        (place.folder / name / "__init__.py").write_text(f"raise SystemExit('the {name} of somebody else')\n")
    return Beside(place, installed)


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_a_wheel_has_one_import_name_and_all_files(wheel):
    names = names_in(wheel)

    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"deepchord"}
    assert len({name.partition("/")[0] for name in names}) == 2
    assert FILES - names == set()
    assert {f"deepchord/{side}/__init__.py" for side in SIDES} - names == set()


def test_a_source_archive_has_each_side_once_and_makes_the_same_wheel(wheel, tmp_path):
    archive = build_source_archive(copy_sources(tmp_path / "sources"), tmp_path)
    with tarfile.open(archive) as members:
        assert [member.name for member in members if not (member.isfile() or member.isdir())] == []
        files = [name.split("/", 1)[1] for name in members.getnames() if name.endswith(".py")]
    # As people unpack it: tarfile's `filter` is missing in Python 3.11.3 and before, and without it 3.12 warns.
    (tmp_path / "extracted").mkdir()
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path / "extracted"], check=True)
    (sources,) = (tmp_path / "extracted").iterdir()

    assert [len([file for file in files if file.endswith(f"{side}/__init__.py")]) for side in SIDES] == [1, 1, 1]
    assert names_in(build_wheel(sources, tmp_path)) == names_in(wheel)


def test_sources_whose_links_were_lost_make_the_same_wheel(wheel, tmp_path):
    sources = copy_sources(tmp_path / "sources")
    for side in SIDES:  # as pip unpacks a ZIP archive, and Git for Windows checks links out
        link = sources / "deepchord" / side
        target = link.readlink()
        link.unlink()
        link.write_text(str(target))

    assert names_in(build_wheel(sources, tmp_path)) == names_in(wheel)


def test_the_installed_deepchord_is_imported_and_not_the_repository(beside):
    package = beside.environment.packages / "deepchord"

    printed = beside.output_of(beside.environment.python, "-c", IMPORTS).splitlines()

    sides = [str(package / side / "__init__.py") for side in SIDES]
    assert printed == [str(package / "__init__.py"), *sides, "[]"]
    assert [path for path in package.rglob("*") if path.is_symlink()] == []


def test_the_command_and_the_modules_start(beside):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    python = beside.environment.python

    assert " train " in beside.output_of(*beside.environment.script("deepchord"), "--help")
    assert beside.output_of(python, "-m", "deepchord", "--version") == f"deepchord {version}"
    assert " collect " in beside.output_of(python, "-m", "deepchord.coordinator", "--help")


def test_a_run_is_trained_on_this_machine(beside, recipe):
    training = beside.start("train", "--local", recipe, "--out", "results")

    assert training.ended() == 0, training.err
    assert (beside.place.folder / "results" / "index.html").exists()
    assert psutil.wait_procs(beside.place.processes(), timeout=10)[1] == []


def test_flower_answers(beside, broker_server, require):
    require("Flower", find_spec("flower"))
    flower = beside.start("flower", DEEPCHORD_BROKER=f"{broker_server}/8")
    told = re.search(r"Flower: (\S+) \(user (\S+), password (\S+)\)", flower.wait_for("Flower: "))
    url, user, password = told.groups()

    assert "/workers" in fetch(f"{url}/", user, password)[1]
    flower.interrupt()
    assert flower.ended() == 130


def test_celery_starts_a_worker_that_trains(beside, broker_server, recipe):
    broker = {"DEEPCHORD_BROKER": f"{broker_server}/9"}
    submitted = beside.start("train", "--detach", recipe, **broker)
    assert submitted.ended() == 0, submitted.err
    run_id = submitted.out[0].split()[1]
    options = ("-A", "deepchord.worker.app", "worker", "--loglevel", "info", "-n", "installed@here")

    worker = beside.start_other(*beside.environment.script("celery"), *options, **broker)

    for index in range(2):
        worker.wait_for(f"[{run_id}.member-00{index}] succeeded")
    assert [record.member.status for record in beside.place.store.records(run_id, 2)] == ["trained"] * 2
    worker.process.terminate()
    assert worker.ended() == 0, worker.err
