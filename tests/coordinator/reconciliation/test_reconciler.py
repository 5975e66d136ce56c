import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from deepchord.coordinator.monitoring.run_view import RunWatcher
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.coordinator.reconciliation.resend_policy import RESEND_AGAIN_AFTER_S
from deepchord.coordinator.runs import evaluation_task_id, member_task_id, plan_member, plan_request, plan_run, submit
from deepchord.shared.broker import (
    KEY_PREFIX,
    Holder,
    Leases,
    ProgressBoard,
    connect_lazily,
    evaluation_lease,
    member_lease,
)
from deepchord.shared.errors import BrokerError
from deepchord.shared.messages import Cancellation, DatasetInfo, FailedMember, MemberRecord, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import QUEUE, ShareBoard, create_app, look
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.shares import Share
from deepchord.shared.storage import RunStore
from tests.records import commit_record

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
SOMEBODY = Holder(worker="a", process_id=1, token="1")
PATIENCE_S = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(broker_url: str, tmp_path) -> Settings:
    return load_settings(broker=broker_url, storage=str(tmp_path / "storage"), lease_s=PATIENCE_S)


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with connect_lazily(settings) as client:
        yield client


@pytest.fixture
def run(store: RunStore, settings: Settings) -> RunSpec:
    """A run of three members that was submitted."""
    run = plan_run(plan_request(None, {"members": 3, "seed": 1}), TINY, DATASET, max_attempts=3, now=NOW)
    with create_app(settings) as app:
        submit(app, store, run)
    return run


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reconciler(settings: Settings, store: RunStore, client: redis.Redis, clock: Clock) -> Reconciler:
    return Reconciler(settings, store, client, clock)


@pytest.fixture
def queue(client: redis.Redis) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(message) for message in client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)[::-1]]


def ids(queue: Callable[[], list[dict[str, Any]]]) -> list[str]:
    return [message["headers"]["id"] for message in queue()]


def take(client: redis.Redis, run: RunSpec, *, holding: bool = False) -> None:
    """Take a message from the queue as a worker does that dies at once, or one that trains."""
    message = json.loads(client.brpop(f"{KEY_PREFIX}{QUEUE}")[1])
    index = int(message["headers"]["id"].rpartition("-")[2])
    if holding:
        Leases(client).hold(member_lease(run.run_id, index), SOMEBODY, 1000)


def end(store: RunStore, run: RunSpec, *indices: int) -> None:
    for index in indices:
        failed = FailedMember(
            spec=plan_member(run.run_id, run.seed, index), attempt=1, trainer=None, finished_at=NOW, error="x"
        )
        commit_record(store, MemberRecord(member=failed))


def looks(reconciler: Reconciler, clock: Clock, run: RunSpec, times: int = 20) -> str | None:
    """Look every five seconds; return the verdict."""
    found = None
    for _ in range(times):
        found = found or reconciler.reconcile(run)
        clock.now += 5.0
    return found


def test_members_that_wait_in_the_queue_are_left_alone(reconciler, clock, run, queue):
    assert looks(reconciler, clock, run) is None

    assert len(queue()) == 3


def test_a_share_that_the_broker_lost_is_told_again_as_storage_has_it(reconciler, clock, run, client, store):
    ShareBoard(client).forget(run.run_id)
    store.set_share(run.run_id, Share(priority="low"))

    looks(reconciler, clock, run, times=1)

    (task,) = look(client, [QUEUE]).tasks
    assert (task.run.share.priority, task.run.members) == ("low", 3)


def test_a_message_that_vanished_is_sent_again_with_the_evaluation_after_it(reconciler, clock, run, queue, client):
    take(client, run)

    looks(reconciler, clock, run, times=8)

    assert ids(queue) == [member_task_id(run.run_id, index) for index in (1, 2, 0)]
    (arguments, _, options) = json.loads(base64.b64decode(queue()[-1]["body"]))
    assert arguments == [plan_member(run.run_id, run.seed, 0).model_dump(mode="json")]
    (link,) = options["callbacks"]
    assert (link["task"], link["args"], link["immutable"]) == ("deepchord.evaluate_ensemble", [run.run_id], True)


def test_damaged_records_are_kept_aside_and_their_members_sent_again(reconciler, clock, run, queue, client, store):
    for index in range(3):
        take(client, run)
        end(store, run, index)
    folder = Path(store.objects.url) / "runs" / run.run_id / "members"
    (folder / "000" / "record.json").write_text("{")
    (folder / "001" / "record.json").write_bytes((folder / "002" / "record.json").read_bytes())

    looks(reconciler, clock, run, times=8)

    assert store.recorded_members(run.run_id) == [2]
    assert sorted(ids(queue)) == [member_task_id(run.run_id, index) for index in (0, 1)]
    assert len(list(folder.glob("*/damaged-records/*.json"))) == 2


def test_a_record_that_a_newer_worker_wrote_counts_and_the_other_members_are_sent_again(
    reconciler, clock, run, queue, client, store
):
    for _ in range(3):
        take(client, run)
    end(store, run, 0)
    path = Path(store.objects.url) / "runs" / run.run_id / "members" / "000" / "record.json"
    record = json.loads(path.read_text())
    record["member"]["spec"]["version"] = "99.1"
    record["member"]["mood"] = "good"
    path.write_text(json.dumps(record))

    looks(reconciler, clock, run, times=8)

    assert sorted(ids(queue)) == [member_task_id(run.run_id, index) for index in (1, 2)]


def test_a_member_that_is_being_trained_is_left_alone(reconciler, clock, run, queue, client):
    take(client, run, holding=True)

    assert looks(reconciler, clock, run) is None

    assert len(queue()) == 2


def test_a_member_whose_worker_vanished_is_sent_again_when_its_lease_has_ended(reconciler, clock, run, queue, client):
    take(client, run, holding=True)
    client.pexpire(member_lease(run.run_id, 0), 4500)
    looks(reconciler, clock, run, times=1)
    client.delete(member_lease(run.run_id, 0))

    looks(reconciler, clock, run, times=1)

    assert ids(queue)[-1] == member_task_id(run.run_id, 0)


def test_a_member_whose_lease_the_broker_forgot_is_left_to_its_holder_for_a_while(
    reconciler, clock, run, queue, client
):
    take(client, run, holding=True)
    looks(reconciler, clock, run, times=1)
    client.delete(member_lease(run.run_id, 0))

    looks(reconciler, clock, run, times=2)
    assert len(queue()) == 2
    looks(reconciler, clock, run, times=1)

    assert ids(queue)[-1] == member_task_id(run.run_id, 0)


def test_several_that_look_after_a_run_send_a_member_once(reconciler, clock, run, queue, client, settings, store):
    take(client, run)
    other = Reconciler(settings, store, client, clock)

    for _ in range(9):
        reconciler.reconcile(run)
        other.reconcile(run)
        clock.now += 5.0

    assert len(queue()) == 3


def test_a_broker_that_forgot_everything_gets_all_members_again(reconciler, clock, run, queue, client, store):
    end(store, run, 1)
    client.flushall()

    looks(reconciler, clock, run, times=8)

    assert ids(queue) == [member_task_id(run.run_id, index) for index in (0, 2)]


def test_an_evaluation_that_nobody_began_is_sent_again(reconciler, clock, run, queue, client, store):
    client.flushall()
    end(store, run, 0, 1, 2)

    looks(reconciler, clock, run, times=3)

    assert ids(queue) == [evaluation_task_id(run)]


def test_an_evaluation_under_way_is_left_alone(reconciler, clock, run, queue, client, store):
    client.flushall()
    end(store, run, 0, 1, 2)
    Leases(client).hold(evaluation_lease(run.run_id), SOMEBODY, 1000)

    assert looks(reconciler, clock, run) is None

    assert queue() == []


def test_what_is_no_message_is_passed_over(reconciler, clock, run, queue, client):
    take(client, run)
    take(client, run)
    client.lpush(f"{KEY_PREFIX}{QUEUE}", b"junk")

    looks(reconciler, clock, run, times=8)

    client.lrem(f"{KEY_PREFIX}{QUEUE}", 0, b"junk")
    assert sorted(ids(queue)) == [member_task_id(run.run_id, index) for index in range(3)]


def test_a_cancelled_run_is_left_alone(reconciler, clock, run, queue, client, store):
    client.flushall()
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=NOW))

    assert looks(reconciler, clock, run) is None

    assert queue() == []


def test_what_is_sent_in_vain_again_and_again_is_told_in_the_end(reconciler, clock, run, client):
    found = None
    for _ in range(100):
        client.flushall()
        found = found or reconciler.reconcile(run)
        clock.now += 5.0

    assert found == "its members 0, 1, 2 were sent 3 times in vain (the logs of the workers tell more)"


def test_a_member_that_gets_on_is_sent_as_often_as_it_takes(reconciler, clock, run, client, store):
    for _ in range(100):
        client.flushall()
        for index in range(3):
            store.member(run.run_id, index).start_attempt(b"{}")
        assert reconciler.reconcile(run) is None
        clock.now += 5.0


@pytest.mark.parametrize("saves", [True, False])
def test_a_member_that_is_handed_over_each_time_is_sent_for_as_long_as_it_gets_on(
    reconciler, clock, run, client, store, saves
):
    found = None
    for epoch in range(1, 100):
        client.flushall()
        for index in range(3):
            attempt = store.member(run.run_id, index).start_attempt(b"{}")
            if saves:
                store.member(run.run_id, index).save_epoch(attempt, epoch, b"state")
            store.member(run.run_id, index).hand_over(attempt)
        found = found or reconciler.reconcile(run)
        clock.now += 5.0

    assert (found is None) == saves


def test_an_evaluation_that_is_sent_in_vain_is_told_in_the_end(reconciler, clock, run, client, store):
    end(store, run, 0, 1, 2)
    found = None
    for _ in range(30):
        client.flushall()
        found = found or reconciler.reconcile(run)
        clock.now += 5.0

    assert found.startswith("its evaluation was sent 3 times in vain")


def test_an_evaluation_that_is_begun_each_time_is_sent_as_often_as_it_takes(reconciler, clock, run, client, store):
    end(store, run, 0, 1, 2)
    for _ in range(30):
        client.flushall()
        store.evaluation(run).start_attempt(b"{}")
        assert reconciler.reconcile(run) is None
        clock.now += 5.0


def test_what_was_sent_in_vain_is_sent_again_when_there_is_hope(reconciler, clock, run, queue, client):
    while reconciler.reconcile(run) is None:
        client.flushall()
        clock.now += 5.0
    assert queue() == []

    clock.now += RESEND_AGAIN_AFTER_S
    reconciler.reconcile(run)

    assert ids(queue) == [member_task_id(run.run_id, index) for index in range(3)]


def test_a_broker_that_does_not_answer_is_left_for_the_next_look(store, run, free_port, clock):
    settings = load_settings(broker=f"redis://127.0.0.1:{free_port}/0")

    assert looks(Reconciler(settings, store, connect_lazily(settings), clock), clock, run, times=2) is None


def test_a_broker_that_refuses_the_password_is_no_outage_that_passes(settings, store, run, clock):
    wrong = load_settings(broker=re.sub(":[0-9a-f]{32}@", ":wrong@", settings.broker))

    with pytest.raises(BrokerError, match=r"^The broker refuses the user name or password"):
        Reconciler(wrong, store, connect_lazily(wrong), clock).reconcile(run)
    with pytest.raises(BrokerError, match=r"^The broker refuses the user name or password"):
        RunWatcher(store, run, board=ProgressBoard(connect_lazily(wrong))).look()


def test_a_lost_message_is_noticed_among_those_of_other_runs(reconciler, clock, run, queue, client, settings, store):
    other = plan_run(plan_request(None, {"members": 5, "seed": 2}), TINY, DATASET, max_attempts=3, now=NOW)
    with create_app(settings) as app:
        submit(app, store, other)
    take(client, run)

    looks(reconciler, clock, run, times=16)

    assert member_task_id(run.run_id, 0) in ids(queue)
