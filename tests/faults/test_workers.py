"""Workers and their processes that die, sleep, stop or have a wrong clock, and what becomes of their members."""

import os
import shutil
import signal

import psutil
import pytest

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import ExitCode
from deepchord.shared.queue import QUEUE
from tests.faults.fleet import EPOCHS, LONG_LEASE, kill_tree
from tests.insides import inside
from tests.waiting import wait_until


def test_a_killed_training_process_costs_at_most_an_epoch_and_changes_no_weight(fleet, uninterrupted):
    fleet.start_worker()
    fleet.submit(held_after=1)
    watching = fleet.watch()
    reached = []
    for attempt, epoch in enumerate((1, 4, 5), start=1):
        fleet.hold_after(epoch, attempt=attempt)
        reached.append(fleet.saved())
        fleet.training_process().kill()
        wait_until(lambda: len(fleet.attempts()) > len(reached), "another attempt")
    fleet.gate.open()

    fleet.evaluated(watching)

    member, done = fleet.member(), 0
    assert member.attempt == 4
    for (attempt, epochs), saved in zip(fleet.epochs_by_attempt(), reached, strict=False):
        assert done + epochs >= saved, f"attempt {attempt} lost more than the epoch under way"
        done += epochs
    assert [part.optimizer_continued for part in member.parts] == [False, True, True, True]
    assert member.weights_sha256 == uninterrupted.weights_sha256
    assert member.probabilities_sha256 == uninterrupted.probabilities_sha256
    assert fleet.attempts()[-1].saved == ()


def test_a_process_that_takes_long_to_start_after_another_was_killed_trains_nonetheless(fleet):
    worker = fleet.start_worker(**inside("gate", "late_children"))
    fleet.submit(held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    fleet.training_process().kill()
    fleet.hold_after(3, attempt=2)
    fleet.gate.open()

    fleet.evaluated(watching)

    assert [line for line in worker.err if "UP message" in line] == []


def test_a_worker_whose_processes_die_one_after_another_ends_with_the_reason_and_gives_its_member_back(fleet, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.write_text("2")
    worker = fleet.start_worker(**inside("gate", "dying_children"), TESTS_DEATHS=str(deaths))
    fleet.submit(held_after=1)
    fleet.hold_after(1)
    assert deaths.read_text() == "0", "two may die, the third one has the member"

    deaths.write_text("1000")
    fleet.training_process().kill()

    assert worker.ended() == ExitCode.WORKERS_STOPPED
    assert deaths.read_text() == "997"
    assert worker.err[-1] == (
        "error: 3 processes of this worker died one after another before they could take a member, the last one with "
        "exit code 7; what they said of it stands above."
    )
    assert "no module of that name" in worker.err
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 1
    assert fleet.broker.client.hlen(f"{KEY_PREFIX}unacked") == 0


def test_when_a_worker_dies_with_all_its_processes_another_one_goes_on(fleet, uninterrupted):
    fleet.start_worker()
    fleet.start_worker()
    fleet.submit(held_after=5)
    watching = fleet.watch()
    fleet.hold_after(5)
    dead = fleet.worker_of(fleet.training_process())

    kill_tree(dead)
    fleet.gate.open()

    fleet.evaluated(watching)
    (_, before), (attempt, after) = fleet.epochs_by_attempt()
    assert (attempt, before + after) == (2, EPOCHS)
    assert before >= 5
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256
    notes = [fleet.store.member(fleet.run_id, 0).attempt_note(number).worker for number in (1, 2)]
    assert len(set(notes)) == 2


@pytest.mark.parametrize("way", ["SIGTERM", "SIGTERM to all processes", "drain"])
def test_a_worker_that_is_told_to_stop_hands_its_member_over_at_once(fleet, way):
    worker = fleet.start_worker()
    fleet.submit(held_after=3)
    fleet.hold_after(3)

    if way == "drain":
        ended = fleet.place.run("drain", "worker0@here")
        assert ended.stdout == "worker0@here hands its member over and stops.\n", ended
    elif way == "SIGTERM":
        worker.process.terminate()
    else:
        processes = [worker.process.pid, *(child.pid for child in psutil.Process(worker.process.pid).children())]
        for process in processes:
            os.kill(process, signal.SIGTERM)

    assert worker.ended() == 0, "\n".join(worker.err)
    (attempt,) = fleet.attempts()
    assert attempt.handed_over
    assert max(saved.epoch for saved in attempt.saved) >= 3
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 1
    assert fleet.broker.client.hlen(f"{KEY_PREFIX}unacked") == 0
    assert fleet.lease() is None
    fleet.gate.open()
    fleet.start_worker()
    fleet.evaluated(fleet.watch())
    assert [number for number, _ in fleet.epochs_by_attempt()] == [1, 2]


def test_a_worker_that_is_told_to_stop_hands_its_evaluation_over_and_another_one_makes_it(fleet):
    worker = fleet.start_worker()
    fleet.gate.hold_evaluations()
    fleet.submit("--epochs", "2")
    fleet.gate.wait_for_evaluation()

    for process in [worker.process.pid, *(child.pid for child in psutil.Process(worker.process.pid).children())]:
        os.kill(process, signal.SIGTERM)

    assert worker.ended() == 0, "\n".join(worker.err)
    (attempt,) = fleet.store.evaluation(fleet.run).attempts()
    assert attempt.handed_over
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 1
    fleet.gate.open_for_evaluations()
    fleet.start_worker()
    fleet.evaluated(fleet.watch())
    assert len(fleet.store.evaluation(fleet.run).attempts()) == 2


def test_a_process_that_wakes_up_after_its_lease_does_not_change_the_record(fleet):
    for _ in range(2):
        fleet.start_worker()
    fleet.submit(held_after=5)
    watching = fleet.watch()
    fleet.hold_after(5)
    asleep = fleet.training_process()

    asleep.suspend()
    fleet.gate.open(index=0, attempt=2)
    member = fleet.member()
    record = next((fleet.place.storage / "runs").glob("*/members/000/record.json"))
    weights = record.parent / "attempts" / f"{member.attempt:03d}" / "weights.hdf5"
    before = [path.read_bytes() for path in (record, weights)]
    asleep.resume()

    fleet.evaluated(watching)
    sleeper = fleet.worker_of(asleep)
    sleeper.wait_for("is somebody else's now")
    assert member.attempt == 2
    assert [path.read_bytes() for path in (record, weights)] == before


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_worker_whose_clock_is_an_hour_off_trains_and_steals_nothing(fleet, require, offset):
    require("faketime", shutil.which("faketime"))
    fleet.start_worker(**LONG_LEASE)  # less than the clocks are apart
    fleet.submit("--members", "3", held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    elsewhen = fleet.start_worker("faketime", "-f", offset, **LONG_LEASE)

    elsewhen.wait_for(f"This machine's clock is 3,600 s {'ahead of' if offset == '+1h' else 'behind'} the broker's")
    fleet.hold_after(3, index=1)
    fleet.gate.open()
    fleet.evaluated(watching)
    assert [fleet.member(index).attempt for index in range(3)] == [1, 1, 1]
    workers = {fleet.store.member(fleet.run_id, index).attempt_note(1).worker for index in range(3)}
    assert workers == {"worker0@here", "worker1@here"}


def test_a_member_that_kills_its_process_each_time_is_given_up_and_the_others_are_evaluated(fleet):
    fleet.start_worker()
    fleet.gate.hold(after=0, index=0)
    fleet.submit("--members", "2", "--min-members", "1")
    watching = fleet.watch()
    for attempt in range(1, 4):
        fleet.gate.wait_for(0, attempt=attempt)
        fleet.training_process().kill()

    assert watching.ended() == 0, watching.err

    poison = fleet.store.member(fleet.run_id, 0).record().member
    assert (poison.status, poison.attempt) == ("failed", 3)
    assert "ended without an error" in poison.error
    assert fleet.member(1).attempt == 1
    evaluation = fleet.store.evaluation(fleet.run).result()
    assert (evaluation.requested, evaluation.trained) == (2, 1)


def test_a_worker_whose_device_hangs_is_gone_after_its_grace_and_its_member_goes_on(fleet, uninterrupted):
    worker = fleet.start_worker(DEEPCHORD_GRACE_S="1")
    fleet.submit(held_after=3)
    fleet.hold_after(3)
    fleet.training_process().suspend()

    worker.process.terminate()

    assert worker.ended() == 0, "\n".join(worker.err)
    fleet.gate.open()
    fleet.start_worker()
    fleet.evaluated(fleet.watch())
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_workers_that_refuse_every_message_pass_them_on_to_one_that_fits(fleet):
    misfits = [fleet.start_worker(DEEPCHORD_SIGNING_KEY="the key of another fleet") for _ in range(2)]
    fleet.start_worker()
    fleet.submit("--members", "3", "--epochs", "2")

    fleet.evaluated(fleet.watch())

    trained_by = {fleet.store.member(fleet.run_id, index).attempt_note(1).worker for index in range(3)}
    assert trained_by == {"worker2@here"}
    assert any("is not signed" in line for misfit in misfits for line in misfit.err)
