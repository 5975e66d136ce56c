"""Faults on real workers and a real broker: each test ends with one record per member and one evaluation."""

import base64
import json
import os
import pickle
import shutil
import signal
import threading
import time
from pathlib import Path

import celery
import psutil
import pytest

from shared.broker import KEY_PREFIX
from shared.celery_app import QUEUE, TRAIN_MEMBER
from shared.storage import RunStore
from tests.faults.fleet import EPOCHS, LEASE_S, Fleet, kill_tree, wait_until


def epochs_by_attempt(fleet: Fleet) -> list[tuple[int, int]]:
    """Which attempt trained how many epochs of the only member."""
    return [(part.attempt, part.epochs) for part in fleet.member().parts]


def test_a_killed_training_process_costs_at_most_an_epoch_and_changes_no_weight(fleet, uninterrupted):
    fleet.start_worker()
    fleet.submit()
    watching = fleet.watch()
    reached = []
    for epoch in (3, 11, 12):
        fleet.wait_for_epoch(epoch)
        process = fleet.training_process()
        reached.append(fleet.saved())
        process.kill()
        process.wait()
        wait_until(lambda: len(fleet.attempts()) > len(reached), "another attempt")

    fleet.evaluated(watching)

    member, done = fleet.member(), 0
    assert member.attempt == 4
    for (attempt, epochs), saved in zip(epochs_by_attempt(fleet), reached, strict=False):
        assert done + epochs >= saved, f"attempt {attempt} lost more than the epoch under way"
        done += epochs
    assert [part.optimizer_continued for part in member.parts] == [False, True, True, True]
    assert member.weights_sha256 == uninterrupted.weights_sha256
    assert member.probabilities_sha256 == uninterrupted.probabilities_sha256
    assert fleet.attempts()[-1].saved == ()


def test_when_a_worker_dies_with_all_its_processes_another_one_goes_on(fleet, uninterrupted):
    fleet.start_worker()
    fleet.start_worker()
    fleet.submit()
    watching = fleet.watch()
    fleet.wait_for_epoch(5)
    dead = fleet.worker_of(fleet.training_process())

    kill_tree(dead)

    fleet.evaluated(watching)
    (_, before), (attempt, after) = epochs_by_attempt(fleet)
    assert (attempt, before + after) == (2, EPOCHS)
    assert before >= 5
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256
    notes = [fleet.store.attempt_note(fleet.run_id, 0, number).worker for number in (1, 2)]
    assert len(set(notes)) == 2


@pytest.mark.parametrize("way", ["SIGTERM", "SIGTERM to all processes", "drain"])
def test_a_worker_that_is_told_to_stop_hands_its_member_over_at_once(fleet, way):
    worker = fleet.start_worker()
    fleet.submit()
    fleet.wait_for_epoch(3)

    if way == "drain":
        ended = fleet.place.run("drain", "worker*")
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
    fleet.start_worker()
    fleet.evaluated(fleet.watch())
    assert [number for number, _ in epochs_by_attempt(fleet)] == [1, 2]


def test_a_member_longer_than_the_visibility_timeout_is_trained_once_also_when_strangers_look(fleet):
    short = {"DEEPCHORD_VISIBILITY_TIMEOUT_S": "2"}
    workers = [fleet.start_worker(**short) for _ in range(2)]
    fleet.submit("--epochs", "250")
    watching = fleet.watch()
    stranger = celery.Celery(broker=fleet.broker.url)
    fleet.wait_for_epoch(5)
    stranger.control.ping(timeout=1.0)

    fleet.evaluated(watching)

    received = [line for worker in workers for line in worker.err if "member-000] received" in line]
    assert len(received) > 1, "the broker never handed the message to anybody else: this test shows nothing"
    assert fleet.member().attempt == 1
    assert len(fleet.attempts()) == 1


def test_connections_that_are_cut_again_and_again_do_not_start_a_second_training(fleet):
    for _ in range(2):
        fleet.start_worker()
    fleet.submit("--epochs", "120")
    watching = fleet.watch()
    holders: set[bytes] = set()
    over = threading.Event()

    def cut() -> None:
        while not over.wait(1.0):
            fleet.broker.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        while not fleet.store.has_record(fleet.run_id, 0):
            holders.add(fleet.lease())
            time.sleep(0.1)
    finally:
        over.set()
        thread.join()

    fleet.evaluated(watching)
    assert len(holders - {None}) == 1
    assert fleet.member().attempt == 1


def test_a_member_that_ends_while_the_broker_is_away_is_not_lost(fleet):
    fleet.start_worker()
    fleet.submit()
    watching = fleet.watch()
    fleet.wait_for_epoch(EPOCHS - 15)

    fleet.broker.kill()
    member = fleet.member()
    fleet.broker.start()

    fleet.evaluated(watching)
    assert member.attempt == 1


def test_a_broker_that_forgot_everything_and_dead_workers_lose_nothing(fleet, uninterrupted):
    fleet.start_worker()
    fleet.submit()
    watching = fleet.watch()
    fleet.wait_for_epoch(5)

    fleet.broker.client.flushall()
    kill_tree(fleet.workers[0])
    assert fleet.attempts()[-1].number == 1
    fleet.start_worker()

    fleet.evaluated(watching)
    assert [number for number, _ in epochs_by_attempt(fleet)] == [1, 2]
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_process_that_wakes_up_after_its_lease_does_not_change_the_record(fleet):
    for _ in range(2):
        fleet.start_worker()
    fleet.submit()
    watching = fleet.watch()
    fleet.wait_for_epoch(5)
    asleep = fleet.training_process()

    asleep.suspend()
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
    fleet.start_worker()
    fleet.submit("--members", "3")
    watching = fleet.watch()
    fleet.wait_for_epoch(3)

    fleet.start_worker("faketime", "-f", offset)

    fleet.evaluated(watching)
    assert [fleet.member(index).attempt for index in range(3)] == [1, 1, 1]
    workers = {fleet.store.attempt_note(fleet.run_id, index, 1).worker for index in range(3)}
    assert workers == {"worker0@here", "worker1@here"}


def test_a_message_that_got_lost_is_sent_again(fleet):
    fleet.submit()
    fleet.broker.client.delete(f"{KEY_PREFIX}{QUEUE}")
    fleet.start_worker()

    fleet.evaluated(fleet.watch())

    assert fleet.member().attempt == 1


def test_two_that_look_after_a_run_at_once_send_nothing_twice(fleet):
    fleet.submit()
    fleet.broker.client.delete(f"{KEY_PREFIX}{QUEUE}")
    watching = [fleet.watch() for _ in range(2)]
    service = fleet.place.start("reconcile", "--all")
    wait_until(lambda: fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}"), "the message")
    time.sleep(3 * LEASE_S)
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 1

    fleet.start_worker()

    for one in watching:
        fleet.evaluated(one)
    service.interrupt()
    assert service.ended() == 0


def test_a_run_is_cancelled_for_good_until_it_is_resumed(fleet, uninterrupted):
    worker = fleet.start_worker()
    fleet.submit("--members", "2")
    watching = fleet.watch()
    fleet.wait_for_epoch(5)

    cancelled = fleet.place.run("cancel", "last")

    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert watching.ended() == 5
    assert "deepchord resume" in watching.err[-1]
    worker.wait_for("Member 0 of run")
    kill_tree(worker)
    fleet.broker.kill()
    fleet.broker.start()
    fleet.start_worker()
    time.sleep(2 * LEASE_S)
    assert fleet.store.recorded(fleet.run_id) == []
    assert [len(fleet.attempts(index)) for index in range(2)] == [1, 0]
    resumed = fleet.place.run("resume", "last", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    fleet.evaluated(fleet.watch())
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_member_that_is_cancelled_is_left_out(fleet):
    fleet.start_worker()
    fleet.submit("--members", "2", "--epochs", "100000", "--min-members", "1")
    watching = fleet.watch()
    fleet.wait_for_epoch(3, index=0)

    assert fleet.place.run("cancel", "last", "--member", "0").returncode == 0
    fleet.wait_for_epoch(3, index=1)
    assert fleet.place.run("cancel", "last", "--member", "1").returncode == 0

    assert watching.ended() == 3
    assert "0 members were trained, min_members is 1" in watching.err[-1]
    again = fleet.place.run("cancel", "last", "--member", "1")
    assert (again.returncode, "has ended already" in again.stderr) == (2, True)


def test_a_run_that_is_extended_keeps_its_members_and_evaluates_all(fleet):
    fleet.start_worker()
    fleet.submit("--epochs", "3")
    fleet.evaluated(fleet.watch())
    before = fleet.member(0)

    extended = fleet.place.run("extend", "last", "--members", "3", "--out", "results")

    assert extended.returncode == 0, extended.stderr
    assert fleet.member(0) == before
    run = fleet.run
    assert (run.members, run.extension) == (3, 1)
    assert fleet.store.evaluation(run).trained == 3
    assert [fleet.member(index).attempt for index in range(3)] == [1, 1, 1]
    assert len(list((fleet.place.folder / "results").glob("*.hdf5"))) == 3
    fresh = fleet.place.run("train", "--detach", fleet.recipe, "--members", "3", "--epochs", "3")
    fleet.run_id = fresh.stdout.split()[1]
    fleet.evaluated(fleet.watch())
    assert [fleet.member(index).weights_sha256 for index in range(3)] == [
        fleet.store.record(run.run_id, index).member.weights_sha256 for index in range(3)
    ]


def test_an_interrupted_local_run_goes_on_where_it_stopped(new_place, long_recipe, uninterrupted):
    place = new_place()
    training = place.start("train", "--local", long_recipe)
    training.wait_for("member 0 epoch ")
    training.interrupt()
    assert training.ended() == 130
    assert "`deepchord resume" in training.err[-1]

    resumed = place.run("resume", "last", "--out", "results")

    assert resumed.returncode == 0, resumed.stderr
    store = RunStore.open(str(place.storage))
    member = store.record(store.run_ids()[0], 0).member
    assert member.attempt == 2
    assert member.weights_sha256 == uninterrupted.weights_sha256
    assert (place.folder / "results" / "index.html").exists()


def test_a_member_that_kills_its_process_each_time_is_given_up_and_the_others_are_evaluated(fleet):
    fleet.start_worker()
    fleet.submit("--members", "2", "--min-members", "1")
    watching = fleet.watch()
    for attempt in range(1, 4):
        wait_until(lambda attempt=attempt: len(fleet.attempts()) == attempt, f"attempt {attempt}")
        fleet.training_process().kill()

    assert watching.ended() == 0, watching.err

    poison = fleet.store.record(fleet.run_id, 0).member
    assert (poison.status, poison.attempt) == ("failed", 3)
    assert "ended without an error" in poison.error
    assert fleet.member(1).attempt == 1
    evaluation = fleet.store.evaluation(fleet.run)
    assert (evaluation.requested, evaluation.trained) == (2, 1)


def message(**changes: object) -> bytes:
    """A message as it lies in the queue."""
    body = base64.b64encode(json.dumps([[{"run_id": "x"}], {}, {}]).encode()).decode()
    headers = {"lang": "py", "task": TRAIN_MEMBER, "id": "forged", "retries": 0, "argsrepr": "", "kwargsrepr": ""}
    properties = {"delivery_info": {"exchange": "", "routing_key": QUEUE}, "delivery_tag": "1", "delivery_mode": 2}
    whole = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {**properties, "body_encoding": "base64", "correlation_id": "forged"},
    }
    return json.dumps({**whole, **changes}).encode()


class Weapon:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_messages_that_are_forged_oversized_or_pickled_are_refused_and_the_worker_goes_on(fleet, tmp_path):
    worker = fleet.start_worker()
    pickled = base64.b64encode(pickle.dumps(Weapon(tmp_path / "struck"))).decode()
    unknown = {"lang": "py", "task": "os.system", "id": "forged", "retries": 0}
    huge = base64.b64encode(json.dumps([[{"run_id": "x" * 30_000_000}], {}, {}]).encode()).decode()
    for forged in (
        message(),
        message(headers=unknown),
        message(body=pickled, **{"content-type": "application/x-python-serialize", "content-encoding": "binary"}),
        message(body="no base64, no JSON"),
        message(body=huge),
        message(headers={}),
    ):
        fleet.broker.client.lpush(f"{KEY_PREFIX}{QUEUE}", forged)
    fleet.submit("--epochs", "2")

    fleet.evaluated(fleet.watch())

    assert worker.process.poll() is None
    assert not (tmp_path / "struck").exists()
    assert "Message of task forged" in "\n".join(worker.err)


def test_two_hundred_members_that_do_nothing_are_all_recorded_once(fleet):
    fleet.start_idle_worker()
    fleet.submit("--members", "200", "--epochs", "1")

    fleet.evaluated(fleet.watch())
