"""A clone that is not installed: what is started in its folder is found there."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.environments import Environment, copy_sources
from tests.places import Place, Started

#: Prints the tasks of the application, and to how many functions each signal of Celery leads.
ONE_APPLICATION = """
import json, sys
sys.path.insert(0, ".")
import worker.app, deepchord.worker.app, deepchord.worker.application
import celery.signals as signals
app = worker.app.app
assert app is deepchord.worker.app.app is deepchord.worker.application.app
names = ["after_setup_logger", "after_setup_task_logger", "worker_init", "worker_process_init", "worker_ready",
         "worker_shutdown", "worker_shutting_down"]
receivers = {len(getattr(signals, name).receivers) for name in names}
print(json.dumps([sorted(task for task in app.tasks if not task.startswith("celery.")), sorted(receivers)]))
"""


@dataclass(frozen=True)
class Clone:
    """The sources in a folder, and an environment that has what they need."""

    folder: Path
    environment: Environment

    def start(self, place: Place, *command: str | Path, **variables: str) -> Started:
        """Start a command in the folder of the clone."""
        return place.start(command=list(map(str, command)), folder=self.folder, **variables)

    def output_of(self, place: Place, *arguments: str, **variables: str) -> str:
        """Run Python in the folder of the clone to its end; return what it printed."""
        started = self.start(place, self.environment.python, *arguments, **variables)
        assert started.ended() == 0, started.err
        return "\n".join(started.out)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("clone")
    return Clone(copy_sources(folder / "deepchord"), Environment.create(folder / "environment"))


def test_deepchord_is_not_installed_beside_the_clone(clone, tmp_path):
    command = [clone.environment.python, "-P", "-c", "import deepchord"]

    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "ModuleNotFoundError: No module named 'deepchord'" in ended.stderr


@pytest.mark.parametrize("module", ["deepchord", "coordinator", "deepchord.coordinator"])
def test_the_modules_that_are_commands_start(clone, place, module):
    assert "collect" in clone.output_of(place, "-m", module, "--help")


def test_both_names_of_the_application_are_the_same_one(clone, place):
    printed = clone.output_of(place, "-c", ONE_APPLICATION, DEEPCHORD_BROKER="redis://127.0.0.1:1/0")

    names = ["deepchord.evaluate_ensemble", "deepchord.evaluate_study", "deepchord.train_member"]
    assert json.loads(printed) == [names, [1]]


def test_celery_starts_a_worker_that_trains(clone, place, broker_url, recipe):
    printed = clone.output_of(place, "-m", "deepchord", "train", "--detach", str(recipe), DEEPCHORD_BROKER=broker_url)
    run_id = printed.split()[1]
    options = ("-A", "worker.app", "worker", "--loglevel", "info", "-n", "clone@here")

    worker = clone.start(place, *clone.environment.script("celery"), *options, DEEPCHORD_BROKER=broker_url)

    for index in range(2):
        worker.wait_for(f"[{run_id}.member-00{index}] succeeded")
    assert [record.member.status for record in place.store.records(run_id, 2)] == ["trained"] * 2
    worker.process.terminate()
    assert worker.ended() == 0, worker.err
