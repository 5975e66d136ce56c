"""Runs that end badly: by themselves, by Ctrl-C, or because somebody killed the command."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest


@dataclass(frozen=True)
class FailedRun:
    """A run in which every member fails, and what the command said."""

    place: Any
    run_id: str
    command: Any
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def failed_run(new_place: Callable[..., Any], recipe: Path) -> FailedRun:
    """Pixels as large as float32 holds, used as they are: the loss is no number from the first epoch on."""
    place = new_place(DEEPCHORD_MAX_ATTEMPTS="2")
    with np.load(recipe.parent / "clothes.npz") as data:
        arrays = {name: data[name][:100] for name in data.files}
    for name in ("x_train", "x_test"):
        arrays[name] = arrays[name].astype(np.float32) * np.float32(1e36)
    np.savez(place.folder / "blinding.npz", **arrays)
    command = place.run("train", "--local", recipe, "--dataset", "blinding.npz")
    (folder,) = (place.storage / "runs").iterdir()
    return FailedRun(place, folder.name, command, psutil.wait_procs(place.processes(), timeout=10)[1])


def test_a_run_whose_members_all_fail_ends_as_failed(failed_run):
    assert failed_run.command.returncode == 3
    assert failed_run.command.stderr.splitlines()[-1] == (
        f"error: Run {failed_run.run_id} failed: 0 members were trained, min_members is 1."
    )
    assert "member 0 failed after 2 attempts: DivergedError: The training loss became nan" in failed_run.command.stdout
    assert failed_run.left == []


def test_a_failed_run_is_listed_as_failed_and_shows_why(failed_run):
    (line,) = json.loads(failed_run.place.run("runs", "--json").stdout)
    shown = failed_run.place.run("status", "last")

    assert (line["state"], line["ended"], line["ensemble_test_accuracy"]) == ("failed", 2, None)
    assert shown.returncode == 0
    assert "failed: 0 members were trained, min_members is 1" in shown.stdout
    assert "The training loss became nan in epoch 1" in shown.stdout


@pytest.mark.parametrize("command", ["watch", "collect", "report"])
def test_commands_about_a_failed_run_end_with_exit_code_3(failed_run, command, tmp_path):
    out = [] if command == "watch" else ["--out", tmp_path / "results"]

    ended = failed_run.place.run(command, failed_run.run_id, *out)

    assert ended.returncode == 3
    (sentence,) = ended.stderr.splitlines()
    assert "0 members were trained" in sentence
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class BrokenOff:
    """A run whose command was killed, and the next one, which was interrupted while it trained."""

    place: Any
    #: What the first command left running when it was killed, and what of that was left when the second trained.
    orphans: list[psutil.Process]
    orphans_later: list[psutil.Process]
    interrupted: Any
    exit_code: int
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def broken_off(new_place: Callable[..., Any], recipe: Path) -> BrokenOff:
    place = new_place()
    place.gate.hold(after=1)
    arguments = ("train", "--local", recipe)
    killed = place.start(*arguments, "--workers", "2")
    killed.wait_for("is waiting")
    killed.kill()
    orphans = place.processes()
    interrupted = place.start(*arguments)
    interrupted.wait_for("member 0 epoch ")
    orphans_later = [process for process in orphans if process.is_running()]
    interrupted.interrupt()
    exit_code = interrupted.ended()
    left = psutil.wait_procs(place.processes(), timeout=10)[1]
    return BrokenOff(place, orphans, orphans_later, interrupted, exit_code, left)


def test_the_next_train_stops_what_a_killed_one_left_running(broken_off):
    assert len(broken_off.orphans) >= 3  # the broker and two workers
    assert broken_off.orphans_later == []


def test_ctrl_c_during_training_ends_the_command_and_all_that_it_started(broken_off):
    assert broken_off.exit_code == 130
    assert broken_off.left == []
    assert [path.name for path in (broken_off.place.folder / "state" / "local").iterdir()] == ["gate"]


def test_ctrl_c_is_answered_with_one_sentence_that_says_what_stays(broken_off):
    run_id = json.loads(broken_off.place.run("runs", "--json").stdout)[-1]["run_id"]

    assert broken_off.interrupted.err[-1] == (
        f"error: Interrupted: the workers are stopped; `deepchord resume {run_id}` goes on from where it is."
    )
    assert [line for line in broken_off.interrupted.err if "Traceback" in line] == []


def test_both_runs_are_listed_as_unfinished(broken_off):
    lines = json.loads(broken_off.place.run("runs", "--json").stdout)

    assert [(line["state"], line["ended"]) for line in lines] == [("unfinished", 0)] * 2


def test_collecting_a_run_that_has_not_ended_says_how_far_it_is(broken_off, tmp_path):
    ended = broken_off.place.run("collect", "last", "--out", tmp_path / "results")

    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    assert "is not evaluated yet: 0 of 2 members have ended" in sentence
    assert not (tmp_path / "results").exists()


def test_ctrl_c_while_the_command_is_still_preparing_leaves_nothing(place, recipe):
    place.gate.hold(after=0)
    training = place.start("train", "--local", recipe)
    while not (place.folder / "state" / "local").exists():
        assert training.process.poll() is None

    training.interrupt()

    assert training.ended() == 130
    assert psutil.wait_procs(place.processes(), timeout=10)[1] == []
