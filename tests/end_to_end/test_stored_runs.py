"""Runs, settings and an environment that an earlier deepchord left behind, see tests/data/stored_runs/README.md."""

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepchord.shared.messages import RunSpec, TrainedMember
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore

STORED = Path(__file__).parent.parent / "data" / "stored_runs"
FINISHED, STOPPED = "20261129-005357-bfcd", "20261129-005421-90f1"

#: What the stored files say, in the words of `Settings`.
FROM_THE_FILE = {
    "host": "example",
    "engine": "tensorflow",
    "workers": 1,
    "threads": 1,
    "evaluation_threads": 2,
    "preflight": False,
    "max_attempts": 2,
    "visibility_timeout_s": 3600,
    "lease_s": 20.5,
    "grace_s": 40.0,
    "stall_timeout_s": 600.0,
    "connect_timeout_s": 4.0,
    "flower_port": 0,
    "log_format": "text",
    "plaidml_hardware": {"opencl_amd_.*": {"threads": 64, "use_global": True}},
}
FROM_THE_ENVIRONMENT = {
    "broker": "redis://:secret@broker.example:6380/1",
    "storage": "s3://bucket/runs",
    "signing_key": "sixteen-characters",
    "cache": "/srv/deepchord/cache",
    "state": "/srv/deepchord/state",
    "engine": "plaidml",
    "device": "gpu",
    "preflight": True,
    "threads": 2,
    "evaluation_threads": 4,
    "local": True,
    "workers": 3,
    "detach": True,
    "flower": True,
    "results": "results/of/runs",
    "results_on_host": "/home/someone/results",
    "host": "elsewhere",
    "max_attempts": 5,
    "visibility_timeout_s": 7200,
    "lease_s": 15.0,
    "grace_s": 30.0,
    "stall_timeout_s": 300.0,
    "connect_timeout_s": 2.5,
    "flower_address": "0.0.0.0",
    "flower_port": 5556,
    "flower_prefix": "tools/flower",
    "flower_password": "eight-characters",
    "log_format": "json",
    # Patterns of the file stay beside those of the environment.
    "plaidml_hardware": {
        "opencl_.*": {"vec_size": 1, "is_synchronous": True},
        **FROM_THE_FILE["plaidml_hardware"],
    },
}


@dataclass(frozen=True)
class Copy:
    """A copy of the stored runs, and what commands about them have said."""

    place: Any
    commands: tuple[Any, ...] = ()

    @property
    def store(self) -> RunStore:
        return self.place.store

    def files(self, run_id: str) -> dict[str, bytes]:
        return contents(self.place.storage / "runs" / run_id)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored_files(run_id: str) -> dict[str, bytes]:
    return contents(STORED / "storage" / "runs" / run_id)


def saved_history() -> list[dict[str, float]]:
    """Return what the last saved epoch of the stopped run tells of those before it."""
    (saved,) = (name for name in stored_files(STOPPED) if "/002/epochs/" in name)
    with np.load(STORED / "storage" / "runs" / STOPPED / saved) as arrays:
        return json.loads(arrays["header"].tobytes())["history"]


@pytest.fixture(scope="module")
def new_copy(new_place: Callable[..., Any]) -> Callable[..., Copy]:
    def make(**variables: str) -> Copy:
        # What was stored was trained with it: another engine does not go on with its optimizer.
        place = new_place(**{"DEEPCHORD_ENGINE": "tensorflow", **variables})
        shutil.copytree(STORED / "storage", place.storage)
        return Copy(place)

    return make


@pytest.fixture(scope="module")
def copy(new_copy) -> Copy:
    """What nobody goes on with."""
    return new_copy()


# Looking at them


def test_the_stored_runs_are_listed(copy):
    finished, stopped = json.loads(copy.place.run("runs", "--json").stdout)

    assert (finished["run_id"], finished["state"], finished["members"], finished["ended"]) == (
        FINISHED,
        "evaluated",
        2,
        2,
    )
    assert finished["ensemble_test_accuracy"] == 1.0
    assert (stopped["run_id"], stopped["state"], stopped["members"], stopped["ended"]) == (STOPPED, "cancelled", 1, 0)


def test_the_status_of_the_finished_run_is_shown(copy):
    shown = copy.place.run("status", FINISHED)
    view = json.loads(copy.place.run("status", FINISHED, "--json").stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "2 of 2 trained · evaluated" in shown.stdout
    assert view["evaluation"] == json.loads(stored_files(FINISHED)["evaluation.json"])


def test_the_status_of_the_stopped_run_is_shown(copy):
    view = json.loads(copy.place.run("status", "last", "--json").stdout)

    assert (view["run_id"], view["state"], view["trained"]) == (STOPPED, "cancelled", 0)


def test_the_finished_run_is_collected(copy, tmp_path):
    stored = stored_files(FINISHED)

    collected = copy.place.run("collect", FINISHED, "--out", tmp_path / "results", "--json")

    assert (collected.returncode, collected.stderr) == (0, "")
    results = contents(tmp_path / "results")
    assert results["evaluation.json"] == stored["evaluation.json"]
    # It says more of its recipe now: what an earlier version did without a name for it.
    assert RunSpec.decode(results["run.json"], "collected") == RunSpec.decode(stored["run.json"], "stored")
    assert json.loads(results["run.json"])["recipe"]["splits"] == "random"
    assert results["probabilities.npz"] == stored["probabilities-17849d1aae67.npz"]
    for index in range(2):
        assert results[f"best_weights_{index}.hdf5"] == stored[f"members/{index:03d}/attempts/001/weights.hdf5"]
    assert b"100.00" in results["index.html"]


def test_its_weights_are_evaluated_to_the_same_result(copy, tmp_path):
    (data,) = (STORED / "storage" / "datasets").iterdir()
    weights = STORED / "storage" / "runs" / FINISHED / "members" / "*" / "attempts" / "001" / "weights.hdf5"
    (tmp_path / "run.json").write_bytes(stored_files(FINISHED)["run.json"])

    evaluated = copy.place.run(
        "evaluate", "--weights", weights, "--dataset", data, "--architecture", tmp_path / "run.json", "--json"
    )

    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["ensemble"]["test_accuracy"] == 1.0


def test_it_is_evaluated_once_more_with_all_that_is_measured_now(copy, tmp_path):
    before = copy.files(FINISHED)
    shape = tuple(json.loads(before["run.json"])["dataset"]["input_shape"])
    np.savez(tmp_path / "noise.npz", images=np.random.default_rng(1).integers(0, 256, (9, *shape)).astype(np.uint8))

    evaluated = copy.place.run("evaluate", FINISHED, "--ood", tmp_path / "noise.npz", "--shift", "--json")
    again = copy.place.run(
        "evaluate", FINISHED, "--ood", tmp_path / "noise.npz", "--shift", "--json", "--out", "report"
    )

    assert (evaluated.returncode, evaluated.stderr) == (0, "")
    found = json.loads(evaluated.stdout)["ensemble"]
    assert found["test_accuracy"] == 1.0
    assert found["uncertainty"]["calibration"]["source"] == "out_of_bag"
    assert (found["unseen"]["images"], len(found["shifted"])) == (9, 35)
    assert "was done before" in again.stderr
    assert json.loads(again.stdout) == json.loads(evaluated.stdout)
    page = (copy.place.folder / "report" / "index.html").read_text()
    assert "What it has never seen" in page
    assert f"deepchord evaluate {FINISHED} --ood" in page
    assert "deepchord train recipe.toml" in page
    after = copy.files(FINISHED)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"studies"}
    assert "tensorflow-noise-npz-shifts" in copy.place.run("status", FINISHED).stdout


def test_a_run_that_has_not_ended_is_not_evaluated_once_more(copy):
    evaluated = copy.place.run("evaluate", STOPPED)

    assert evaluated.returncode == 2
    assert f"Run {STOPPED} has not ended: 0 of 1 members have; `deepchord resume {STOPPED}`" in evaluated.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give either a run (or `last`), or --weights with weight files."),
        (("last", "--weights", "x"), "Give either a run"),
        (("last", "--channels-first"), "--channels-first can only be given for weight files"),
        (("--weights", "x", "--name", "mine"), "--name can only be given for a run"),
        ((FINISHED, "--name", "Mine!"), "'Mine!' cannot be the name of a study"),
        ((FINISHED, "--ood", "digit"), "There are no images called 'digit'"),
        ((FINISHED, "--dataset", "nothing.npz"), "nothing.npz"),
        ((FINISHED, "--out", "/proc/report"), "cannot be written to /proc/report"),
        ((FINISHED, "--on-worker"), "broker"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_a_sentence(copy, options, said):
    refused = copy.place.run("evaluate", *options)

    assert refused.returncode == 2
    (sentence,) = refused.stderr.splitlines()
    assert said in sentence


# Going on with them, with the settings of that time


@pytest.fixture(scope="module")
def resumed(new_copy) -> Copy:
    copy = new_copy(DEEPCHORD_SETTINGS=str(STORED / "settings.toml"))
    return Copy(copy.place, (copy.place.run("resume", STOPPED, "--out", "results"),))


def test_the_stopped_run_is_resumed_to_its_end(resumed):
    (command,) = resumed.commands
    run = resumed.store.run(STOPPED)

    assert (command.returncode, command.stderr) == (0, "")
    assert "(1 of 1 members trained)" in command.stdout
    assert resumed.store.evaluation(run).result().trained == 1
    assert not resumed.store.is_cancelled(STOPPED)


def test_its_member_goes_on_from_the_epoch_that_was_saved_last(resumed):
    member = resumed.store.member(STOPPED, 0).record().member

    assert isinstance(member, TrainedMember)
    assert member.attempt == 3
    assert [(part.attempt, part.epochs) for part in member.parts] == [(1, 2), (2, 1), (3, 1)]
    assert [part.optimizer_continued for part in member.parts] == [
        False,
        True,
        # Another version of TensorFlow begins with a fresh optimizer.
        member.trainer.engine_version == member.parts[1].trainer.engine_version,
    ]
    history = [epoch.model_dump(mode="json") for epoch in member.history]
    assert len(history) == 4
    assert history[:3] == saved_history()


def test_the_file_of_settings_counts_for_the_workers(resumed):
    member = resumed.store.member(STOPPED, 0).record().member

    assert (member.trainer.host, member.trainer.engine) == ("example", "tensorflow")


def test_what_the_stopped_run_had_besides_is_as_before(resumed):
    before, after = stored_files(STOPPED), resumed.files(STOPPED)
    gone = {name for name in before if name == "cancelled.json" or "/epochs/" in name}

    assert {name: after.get(name) for name in before if name not in gone} == {
        name: data for name, data in before.items() if name not in gone
    }
    assert gone & after.keys() == set()


@pytest.fixture(scope="module")
def extended(new_copy) -> Copy:
    copy = new_copy(DEEPCHORD_SETTINGS=str(STORED / "settings.toml"))
    return Copy(copy.place, (copy.place.run("extend", FINISHED, "--members", "3", "--out", "results"),))


def test_the_finished_run_is_extended_by_a_member(extended):
    (command,) = extended.commands
    run = extended.store.run(FINISHED)

    assert (command.returncode, command.stderr) == (0, "")
    assert (run.members, run.extension) == (3, 1)
    assert extended.store.recorded_members(FINISHED) == [0, 1, 2]
    assert extended.store.member(FINISHED, 2).record().member.attempt == 1


def test_its_first_members_have_the_same_scores_in_the_evaluation_of_all(extended):
    first = json.loads(stored_files(FINISHED)["evaluation.json"])

    evaluation = extended.store.evaluation(extended.store.run(FINISHED)).result()

    assert evaluation.trained == 3
    assert [member.test.accuracy for member in evaluation.members[:2]] == [
        member["test"]["accuracy"] for member in first["members"]
    ]
    assert [member.parity for member in evaluation.members[:2]] == pytest.approx([0, 0], abs=1e-5)


def test_all_that_the_finished_run_had_is_as_before(extended):
    before, after = stored_files(FINISHED), extended.files(FINISHED)

    assert {name: after.get(name) for name in before} == before


# Settings


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No setting from elsewhere."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DEEPCHORD_{name.upper()}", raising=False)
    monkeypatch.setenv("DEEPCHORD_SETTINGS", str(STORED / "settings.toml"))


def variables() -> dict[str, str]:
    return dict(line.split("=", 1) for line in (STORED / "environment").read_text().splitlines())


def test_the_settings_file_is_understood(alone):
    found = load_settings().model_dump(mode="json", exclude_none=True)

    assert {name: found[name] for name in FROM_THE_FILE} == FROM_THE_FILE


def test_the_environment_is_understood_and_goes_before_the_file(alone, monkeypatch):
    for name, value in variables().items():
        monkeypatch.setenv(name, value)

    found = load_settings().model_dump(mode="json", exclude_none=True)

    assert {name: found[name] for name in FROM_THE_ENVIRONMENT} == FROM_THE_ENVIRONMENT


def test_nothing_in_the_file_and_the_environment_is_left_unchecked():
    in_the_file = tomllib.loads((STORED / "settings.toml").read_text())

    assert in_the_file == FROM_THE_FILE
    assert variables().keys() == {f"DEEPCHORD_{name.upper()}" for name in FROM_THE_ENVIRONMENT}
    assert len(FROM_THE_ENVIRONMENT) == 29
