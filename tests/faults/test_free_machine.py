"""Workers that use a machine only while they may: it is free, it is the hour, so many members, so much memory."""

import platform
import shlex
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

from deepchord.shared.broker import KEY_PREFIX, WorkerInfo, WorkerRegistry
from deepchord.shared.process import command_for
from deepchord.shared.queue import QUEUE
from tests.docs.documents import ROOT
from tests.faults.fleet import LONG_LEASE, Fleet
from tests.places import Started
from tests.waiting import wait_until

#: A machine that is free as soon as nobody computes on its GPU, whatever else this one does meanwhile.
SOON_FREE = {"DEEPCHORD_WHEN_IDLE": "true", "DEEPCHORD_IDLE_S": "0.01", "DEEPCHORD_LOAD_LIMIT": "4096"}
#: What the guide gives to `sbatch`.
SLURM_SCRIPT = ROOT / "docs" / "borrowed" / "slurm-array.sbatch"


def waiting_worker(fleet: Fleet) -> WorkerInfo:
    """Wait until the list of workers has one that waits."""

    def found() -> list[WorkerInfo]:
        return [each.info for each in WorkerRegistry(fleet.broker.client).statuses() if each.info.waits_for is not None]

    return wait_until(found, "a worker to say what it waits for")[0]


def queued(fleet: Fleet) -> tuple[int, int]:
    """How many messages wait, and how many are at a worker."""
    client = fleet.broker.client
    return client.llen(f"{KEY_PREFIX}{QUEUE}"), client.hlen(f"{KEY_PREFIX}unacked")


def start_in_slurm(fleet: Fleet, programs: Path, **variables: str) -> Started:
    """Start the script of the guide as SLURM does, but for its nodes."""
    programs.mkdir()
    commands = {"srun": 'exec "$@"', "deepchord": f'exec {shlex.join(fleet.place.command())} "$@"'}
    for name, command in commands.items():
        (programs / name).write_text(f"#!/bin/sh\n{command}\n")
        (programs / name).chmod(0o755)
    slurm = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2", "SLURM_CPUS_PER_TASK": "1"}
    path = f"{programs}:{fleet.place.environment()['PATH']}"
    return fleet.place.start(command=["bash", str(SLURM_SCRIPT)], PATH=path, **slurm, **variables)


@pytest.mark.skipif(
    getattr(psutil.sensors_battery(), "power_plugged", True) is False, reason="no worker trains here: it has no mains"
)
def test_a_worker_gives_the_machine_back_at_the_next_batch_and_goes_on_by_itself_when_it_is_free(fleet, tmp_path):
    on_gpu, programs = tmp_path / "on_gpu", tmp_path / "programs"
    on_gpu.touch()
    programs.mkdir()
    (programs / "nvidia-smi").write_text(f'#!/bin/sh\ncat "{on_gpu}"\n')
    (programs / "nvidia-smi").chmod(0o755)
    path = f"{programs}:{fleet.place.environment()['PATH']}"
    niceness = psutil.Process().nice() + 3
    worker = fleet.start_worker(**SOON_FREE, **LONG_LEASE, PATH=path, DEEPCHORD_NICE="3")
    fleet.submit(held_after=3)
    fleet.hold_after(3)
    assert fleet.training_process().nice() == niceness
    assert psutil.Process(worker.process.pid).nice() == niceness - 3, "whoever looks at the machine does so in time"

    game = subprocess.Popen(["sleep", "600"])
    try:
        on_gpu.write_text(f"{fleet.training_process().pid}, /own/python\n{game.pid}, /usr/games/chess\n")
        told = waiting_worker(fleet)
        assert told.waits_for == f"until the machine is free: its GPU is used by chess ({game.pid})"
        assert (told.name, told.engine) == ("worker0@here", "jax")
        (attempt,) = fleet.attempts()
        assert attempt.handed_over
        assert max(saved.epoch for saved in attempt.saved) >= 3
        assert queued(fleet) == (1, 0)
        assert worker.process.poll() is None
        assert f"waits {told.waits_for}" in fleet.place.run("workers").stdout
        watching = fleet.watch()
        watching.wait_for(f"worker0@here waits {told.waits_for}")
    finally:
        game.kill()
        game.wait()

    fleet.gate.open()
    fleet.evaluated(watching)
    assert [number for number, _ in fleet.epochs_by_attempt()] == [1, 2]
    worker.process.terminate()
    assert worker.ended() == 0, "\n".join(worker.err)
    assert WorkerRegistry(fleet.broker.client).statuses() == []


def test_a_worker_ends_after_so_many_members_and_another_one_when_nothing_waits_any_more(fleet, tmp_path):
    fleet.submit("--members", "2", "--epochs", "2")

    first = fleet.start_worker(DEEPCHORD_END_AFTER_MEMBERS="1")

    assert first.ended() == 0, "\n".join(first.err)
    records = [fleet.store.member(fleet.run_id, index).record() for index in range(2)]
    assert [record is not None for record in records].count(True) == 1
    assert queued(fleet) == (1, 0)
    assert list(fleet.place.folder.glob("state/members-*")) == []

    second = start_in_slurm(fleet, tmp_path / "programs", DEEPCHORD_END_AFTER_S="2h")

    assert second.ended() == 0, "\n".join(second.err)
    workers = {fleet.store.member(fleet.run_id, index).attempt_note(1).worker for index in range(2)}
    assert workers == {"worker0@here", f"slurm-7-2@{platform.node()}"}
    assert second.wait_for("nothing waits for it")
    fleet.evaluated(fleet.watch())
    assert queued(fleet) == (0, 0)


def test_outside_of_its_hours_a_worker_waits_without_a_process_and_can_be_stopped(fleet):
    now = datetime.now()
    hours = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"

    worker = fleet.place.start("worker", "--name", "night@here", "--hours", hours)

    assert waiting_worker(fleet).waits_for == f"until {hours[:5]}"
    assert psutil.Process(worker.process.pid).children() == []
    health = fleet.place.start(command=command_for("deepchord.worker.health:main"))
    assert health.ended() == 0, health.err
    worker.process.terminate()
    assert worker.ended() == 0, "\n".join(worker.err)


def test_a_worker_that_has_more_memory_than_it_may_is_ended_with_the_reason(fleet):
    worker = fleet.place.start("worker", "--name", "small@here", "--memory-limit", "64MiB")

    assert worker.ended() != 0
    assert "more than the 0.07 GB of --memory-limit" in "\n".join(worker.err)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--hours", "25:00-07:00", "two times of day such as 19:00-07:00, found '25:00-07:00'"),
        ("--for", "2x", "a duration such as 90s, 30m, 2h or 1h30m, found '2x'"),
        ("--memory-limit", "lots", "a size such as 4GB or 512MiB, found 'lots'"),
    ],
)
def test_terms_that_nobody_understands_are_refused_in_one_sentence(new_place, option, value, expected):
    ended = new_place().run("worker", option, value)

    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: Setting DEEPCHORD_")
    assert f"(or option {option}) is not valid: expected {expected}." in line
