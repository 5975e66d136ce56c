"""Storage that is full, read-only, torn or gone while members train."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.faults.fleet import EPOCHS, Fleet
from tests.waiting import wait_until


@pytest.fixture
def small_disk(fleet: Fleet, require: Callable[[str, object], None]) -> Iterator[Path]:
    """Put the storage on a file system of its own, of four megabytes."""
    folder = fleet.place.storage
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    require("the right to mount file systems (root)", mounted.returncode == 0)
    yield folder
    fleet.place.kill_all()
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave not a byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_a_disk_that_is_full_for_a_while_costs_nothing(fleet, small_disk, uninterrupted):
    fleet.start_worker()
    fleet.submit(held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    filler = fill(small_disk)
    fleet.gate.hold(after=4)
    watching.wait_for("was not saved, training goes on")
    filler.unlink()
    fleet.gate.open()

    fleet.evaluated(watching)
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_disk_that_stays_full_is_said_and_the_run_can_be_resumed_when_there_is_room(fleet, small_disk):
    fleet.start_worker()
    fleet.submit(held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    filler = fill(small_disk)
    fleet.gate.open()

    assert watching.ended() == 3
    assert "No space left on device; free some space" in watching.err[-1]
    assert list(small_disk.glob("**/record.json")) == []
    assert list(small_disk.glob("**/.writing-*")) == []
    filler.unlink()
    resumed = fleet.place.run("resume", "last", "--detach")
    # The worker may have tried again by itself meanwhile.
    assert resumed.returncode == 0 or "is evaluated" in resumed.stderr, resumed.stderr
    fleet.evaluated(fleet.watch())
    assert len(fleet.member().history) == EPOCHS


def test_a_disk_with_room_for_notes_only_costs_a_member_no_attempt(fleet, small_disk, tmp_path):
    network = tmp_path / "network.toml"
    network.write_text(
        """layers = [
        { type = "max_pooling2d", pool_size = 4 },
        { type = "flatten" },
        { type = "dense", units = 400 },
        { type = "dense", units = "classes", activation = "softmax" },
        ]"""
    )
    fleet.start_worker()
    fleet.submit("--architecture", str(network), held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    filler = fill(small_disk)
    fleet.gate.hold(after=4)
    watching.wait_for("was not saved")
    os.truncate(filler, filler.stat().st_size - 88_000)  # its weights have 94,000 bytes
    fleet.gate.open()

    assert watching.ended() == 3
    assert "No space left on device; free some space" in watching.err[-1]
    first = fleet.store.member(fleet.run_id, 0).attempts()[:4]
    assert [attempt.handed_over for attempt in first] == [True] * 4
    assert fleet.store.member(fleet.run_id, 0).record() is None
    filler.unlink()
    fleet.place.run("resume", "last", "--detach")
    fleet.evaluated(fleet.watch())
    assert len(fleet.member().history) == EPOCHS


def test_a_folder_that_becomes_read_only_for_a_while_costs_nothing(fleet, small_disk, uninterrupted):
    worker = fleet.start_worker()
    fleet.submit(held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    fleet.gate.hold(after=4)
    watching.wait_for("was not saved, training goes on")
    worker.wait_for("the file system is read-only")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    fleet.gate.open()

    fleet.evaluated(watching)
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_torn_and_vanished_states_are_passed_over(fleet, uninterrupted):
    fleet.start_worker()
    fleet.submit(held_after=3)
    watching = fleet.watch()
    reached = []
    for epoch, spoil in ((3, lambda path: path.write_bytes(path.read_bytes()[:100])), (6, lambda path: path.unlink())):
        fleet.hold_after(epoch)
        process = fleet.training_process()
        process.suspend()
        newest, before = sorted(fleet.place.storage.glob("**/epochs/*.npz"), key=lambda path: path.name)[:-3:-1]
        spoil(newest)
        reached.append(int(before.name[:6]))
        process.kill()
        wait_until(lambda: len(fleet.attempts()) > len(reached), "another attempt")
    fleet.gate.open()

    fleet.evaluated(watching)
    (_, first), (_, second), _ = fleet.epochs_by_attempt()
    assert [first, first + second] == reached
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_weights_that_are_damaged_after_their_record_end_the_run_with_their_name(fleet):
    fleet.start_worker()
    fleet.gate.hold(after=0, index=1)
    fleet.submit("--members", "2")
    watching = fleet.watch()
    fleet.member(0)
    (weights,) = fleet.place.storage.glob("**/000/attempts/*/weights.hdf5")
    weights.write_bytes(weights.read_bytes()[:-1])
    fleet.gate.open()

    assert watching.ended() == 3
    assert "members/000/attempts/001/weights.hdf5 is damaged" in watching.err[-1]
    store = fleet.place.store
    assert store.evaluation(fleet.run).failure() is not None


def test_a_bucket_that_answers_badly_again_and_again_costs_nothing(
    new_place, broker, long_recipe, s3_server, moody_s3, uninterrupted, monkeypatch
):
    endpoint, moods = moody_s3
    bad = ("overloaded", "torn", "overloaded afterwards", "slow")
    moods.recurring = tuple(mood for one in bad for mood in (one, *["well"] * 8))
    storage = {"DEEPCHORD_STORAGE": s3_server.new_storage(), **s3_server.variables(endpoint)}
    place = new_place(DEEPCHORD_BROKER=broker.url, **storage)
    place.start("worker").wait_for(" ready.")

    ended = place.run("train", long_recipe, "--epochs", str(EPOCHS))

    assert ended.returncode == 0, ended.stderr
    place.kill_all()
    assert len(moods.seen) > 4 * EPOCHS
    for name, value in storage.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    store = RunStore.open(load_settings())
    (run_id,) = store.run_ids()
    record = store.member(run_id, 0).record()
    assert (record.member.attempt, record.member.weights_sha256) == (1, uninterrupted.weights_sha256)
    assert store.evaluation(store.run(run_id)).result().trained == 1
