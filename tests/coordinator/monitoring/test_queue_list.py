"""What shares the fleet and when it will be done, from a real broker without workers."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis

from deepchord.coordinator.monitoring import list_queue, queue_table
from deepchord.shared.broker import Holder, Leases, ProgressBoard, WorkerRegistry, member_lease
from deepchord.shared.command_line import new_console
from deepchord.shared.messages import MemberProgress, Trainer
from deepchord.shared.queue import QUEUE, TRAIN_MEMBER, ShareBoard, create_app, queue_for
from deepchord.shared.settings import Settings
from deepchord.shared.shares import Share
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from tests.shared.broker.test_worker_registry import info
from tests.shared.storage.examples import run_spec, trained

LONG, OTHER, GPU = "20260101-000000-long", "20260101-000001-other", "20260101-000002-gpu"
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def settings(broker_url: str, tmp_path) -> Settings:
    return Settings(broker=broker_url, storage=str(tmp_path / "storage"))


@pytest.fixture
def client(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def fleet(settings: Settings, store: RunStore, client: redis.Redis) -> ShareBoard:
    """A worker is half through a member of one run, another worker is of another version; three runs wait."""
    waiting = {LONG: (range(1, 3), QUEUE), OTHER: (range(3), QUEUE), GPU: (range(1), queue_for("gpu"))}
    board = ShareBoard(client)
    with create_app(settings) as app:
        for run_id, (indices, queue) in waiting.items():
            store.create_run(run_spec(run_id))
            board.publish(run_id, Share(), 3)
            for index in indices:
                app.send_task(TRAIN_MEMBER, task_id=f"{run_id}.member-{index:03d}", queue=queue)
        app.send_task(TRAIN_MEMBER, task_id="20260101-000003-elsewhere.member-000", queue=QUEUE)
    for worker in "ab":
        WorkerRegistry(client).register(info(worker, protocol=PROTOCOL + (worker == "b")))
    Leases(client).hold(member_lease(LONG, 0), Holder(worker="a", process_id=1, token="x"), 30.0)
    progress = MemberProgress(
        index=0, attempt=1, trainer=Trainer(host="a", engine="jax", engine_version="1", device="cpu:0"),
        phase="training", epochs_done=4, epochs=10, epoch_share=1.0, started_at=NOW, updated_at=NOW,
    )  # fmt: skip
    ProgressBoard(client).publish(LONG, progress)
    store.set_share(OTHER, Share(priority="high", most_workers=2))
    return board


def test_what_waits_and_is_trained_is_listed_before_anybody_knows_how_long_a_member_takes(fleet, client, store):
    rows = {row.run_id: row for row in list_queue(client, store)}

    assert rows.keys() == {LONG, OTHER, GPU}
    assert [(row.waiting, row.training, row.done, row.members) for row in rows.values()] == [
        (2, 1, 0, 3), (3, 0, 0, 3), (1, 0, 0, 3),
    ]  # fmt: skip
    assert (rows[OTHER].priority, rows[OTHER].most_workers) == ("high", 2)
    assert {row.begins_in_s for row in rows.values()} == {row.done_in_s for row in rows.values()} == {None}


def test_when_a_run_will_be_trained_follows_from_the_members_that_ended(fleet, client, store):
    fleet.note_seconds(LONG, 100.0)
    store.member(LONG, 1).commit_record(trained(1))

    first, second, unserved = list_queue(client, store)

    # After the rest of the member in training, and the one of the run that is in another storage.
    assert (first.run_id, first.begins_in_s) == (OTHER, pytest.approx(150.0))
    assert (second.run_id, second.done) == (LONG, 1)
    assert second.begins_in_s > first.begins_in_s
    assert max(first.done_in_s, second.done_in_s) == pytest.approx(50.0 + 6 * 100.0)
    assert (unserved.run_id, unserved.begins_in_s, unserved.done_in_s) == (GPU, None, None)
    console = new_console(io.StringIO())
    console.width = 120
    console.print(queue_table([first, second, unserved]))
    _, *lines = console.file.getvalue().splitlines()
    assert lines[0].split() == [OTHER, "high", "3", "0", "of", "2", "0/3", "in", "2:30", "in", *lines[0].split()[10:]]
    assert lines[2].split() == [GPU, "normal", "1", "0", "0/3", "not", "known", "not", "known"]


def test_a_fleet_without_runs_has_an_empty_list(client, store):
    assert list_queue(client, store) == []
