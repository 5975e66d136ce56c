"""A broker that restarts, forgets, loses messages or is fed with wrong ones."""

import base64
import json
import pickle
from pathlib import Path

import celery

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.queue import QUEUE, TRAIN_MEMBER
from tests.faults.ambush import Ambush
from tests.faults.fleet import LONG_LEASE, kill_tree
from tests.places import Started
from tests.waiting import PATIENCE_S, wait_until
from tests.webhooks import receiving


def received(workers: list[Started]) -> list[str]:
    """What workers said whenever they were given the first member's message."""
    return [line for worker in workers for line in worker.err if "member-000] received" in line]


def test_a_member_longer_than_the_visibility_timeout_is_trained_once_also_when_strangers_look(fleet):
    short = {"DEEPCHORD_VISIBILITY_TIMEOUT_S": "2", **LONG_LEASE}
    workers = [fleet.start_worker(**short) for _ in range(2)]
    fleet.submit(held_after=2)
    watching = fleet.watch()
    stranger = celery.Celery(broker=fleet.broker.url)
    stranger.conf.broker_transport_options = {"global_keyprefix": KEY_PREFIX}
    fleet.hold_after(2)
    stranger.control.ping(timeout=1.0)
    # The broker hands it to the other worker, which steps back, and lets it come again.
    wait_until(lambda: len(received(workers)) > 2, "the message to come again")
    fleet.gate.open()

    fleet.evaluated(watching)

    assert fleet.member().attempt == 1
    assert len(fleet.attempts()) == 1


def test_connections_that_are_cut_again_and_again_do_not_start_a_second_training(fleet):
    for _ in range(2):
        fleet.start_worker(**LONG_LEASE)
    fleet.submit(held_after=2)
    watching = fleet.watch()
    fleet.hold_after(2)
    holders = {fleet.lease()}
    for _ in range(10):
        fleet.cut_connections()
        holders.add(fleet.lease())
    (holder,) = holders
    fleet.wait_for_renewal(holder)
    fleet.gate.open()

    fleet.evaluated(watching)
    assert fleet.member().attempt == 1


def test_a_member_that_ends_while_the_broker_is_away_is_not_lost(fleet):
    fleet.start_worker()
    fleet.submit(held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3)

    fleet.broker.kill()
    fleet.gate.open()
    member = fleet.member()
    fleet.broker.start()

    fleet.evaluated(watching)
    assert member.attempt == 1


def test_a_broker_that_forgot_everything_and_dead_workers_lose_nothing(fleet, uninterrupted):
    fleet.start_worker()
    fleet.submit(held_after=5)
    watching = fleet.watch()
    fleet.hold_after(5)

    fleet.broker.client.flushall()
    kill_tree(fleet.workers[0])
    assert fleet.attempts()[-1].number == 1
    fleet.gate.open()
    fleet.start_worker()

    fleet.evaluated(watching)
    assert [number for number, _ in fleet.epochs_by_attempt()] == [1, 2]
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_message_that_its_worker_took_and_never_noted_is_sent_again(fleet):
    ambush = Ambush(fleet.broker.url, TRAIN_MEMBER.encode(), lambda: kill_tree(fleet.workers[0]))
    fleet.start_worker(DEEPCHORD_BROKER=ambush.url)
    fleet.submit()
    assert ambush.struck.wait(PATIENCE_S)
    ambush.close()
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 0
    assert fleet.broker.client.hlen(f"{KEY_PREFIX}unacked") == 0
    fleet.start_worker()

    fleet.evaluated(fleet.watch())

    assert fleet.member().attempt == 1


def test_several_that_look_after_a_run_at_once_send_nothing_twice_and_tell_its_end_once(fleet, tmp_path):
    with receiving() as receiver:
        _look_after_a_run_at_once(fleet, tmp_path, receiver.url)

    assert receiver.events.count("evaluated") == 1


def _look_after_a_run_at_once(fleet, tmp_path, notified):
    fleet.submit()
    fleet.broker.client.delete(f"{KEY_PREFIX}{QUEUE}")
    lease = {"DEEPCHORD_LEASE_S": "1", "DEEPCHORD_NOTIFY": notified, "NO_PROXY": "127.0.0.1"}
    watching = [fleet.watch(**lease) for _ in range(2)]
    service = fleet.place.start("reconcile", "--all", "--alive", str(tmp_path / "alive"), **lease)
    wait_until(lambda: fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}"), "the message")
    # Whoever sent it keeps the others from doing so for a while; then each of them looks again.
    wait_until(lambda: not fleet.broker.client.keys(f"{KEY_PREFIX}bell:*"), "the end of that while")
    fleet.wait_for_looks(3)
    assert fleet.broker.client.llen(f"{KEY_PREFIX}{QUEUE}") == 1
    assert (tmp_path / "alive").exists()

    fleet.start_worker()

    for one in watching:
        fleet.evaluated(one)
    service.interrupt()
    assert service.ended() == 130


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


def _is_heard(fleet, worker, message: bytes) -> bool:
    """Send something to all workers, and say whether this one has told that such is no message; it may be away."""
    fleet.broker.client.publish(f"{KEY_PREFIX}/0.celery.pidbox", message)
    return any("Something that was sent to all is no message, and was discarded" in line for line in worker.err)


def test_messages_that_are_forged_oversized_or_pickled_are_refused_and_the_worker_goes_on(fleet, tmp_path):
    worker = fleet.start_worker()
    pickled = base64.b64encode(pickle.dumps(Weapon(tmp_path / "struck"))).decode()
    unknown = {"lang": "py", "task": "os.system", "id": "forged", "retries": 0}
    deep = b"[" * 100_000 + b"]" * 100_000
    huge = base64.b64encode(json.dumps([[{"run_id": "x" * 30_000_000}], {}, {}]).encode()).decode()
    for forged in (
        message(),
        message(headers=unknown),
        message(body=pickled, **{"content-type": "application/x-python-serialize", "content-encoding": "binary"}),
        message(body="no base64, no JSON"),
        message(body=huge),
        message(headers={}),
        message(headers={"lang": "py", "task": TRAIN_MEMBER}),
        message(headers={"lang": "py", "task": [], "id": "forged"}),
        message(headers={"lang": "py", "task": TRAIN_MEMBER, "id": "forged", "timelimit": "abc"}),
        message(headers={"lang": "py", "task": TRAIN_MEMBER, "id": "forged", "eta": "2030-01-01T00:00:00"}),
        message(body=base64.b64encode(deep).decode()),
        deep,
        b" " * 50_000_000,
        b"junk",
        b"[]",
    ):
        fleet.broker.client.lpush(f"{KEY_PREFIX}{QUEUE}", forged)
        if len(forged) < 2**20:  # the broker itself ends the connection of who has so much to read
            fleet.broker.client.publish(f"{KEY_PREFIX}/0.celery.pidbox", forged)
    fleet.submit("--epochs", "2")

    fleet.evaluated(fleet.watch())

    assert worker.process.poll() is None
    assert not (tmp_path / "struck").exists()
    said = "\n".join(worker.err)
    assert "Message of task forged" in said
    assert said.count("Something in a queue is no message, and was discarded") > 10
    wait_until(lambda: _is_heard(fleet, worker, b"junk"), "what was sent to all to be discarded")


def test_two_hundred_members_that_do_nothing_are_all_recorded_once(fleet):
    fleet.start_idle_worker()
    fleet.submit("--members", "200", "--epochs", "1")

    fleet.evaluated(fleet.watch())
