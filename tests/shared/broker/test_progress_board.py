from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import redis

from deepchord.shared.broker import ProgressBoard
from deepchord.shared.messages import EpochMetrics, MemberProgress, Trainer


@pytest.fixture
def client(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as connected:
        yield connected


def progress(index: int, epochs_done: int = 1) -> MemberProgress:
    now = datetime.now(UTC)
    return MemberProgress(
        index=index,
        attempt=1,
        trainer=Trainer(host="box", engine="tensorflow", engine_version="2", device="CPU:0"),
        phase="training",
        epochs_done=epochs_done,
        epochs=4,
        epoch_share=0.5,
        last=EpochMetrics(
            train_loss=0.5, train_accuracy=0.8, validation_loss=0.4, validation_accuracy=0.9, duration_s=2.0
        ),
        best_validation_accuracy=0.9,
        started_at=now,
        updated_at=now,
    )


def test_each_member_overwrites_its_own_line_only(client: redis.Redis) -> None:
    board = ProgressBoard(client)
    board.publish("run-a", progress(0))
    board.publish("run-a", progress(1))
    board.publish("run-a", progress(0, epochs_done=2))
    board.publish("run-b", progress(7))

    assert {index: line.epochs_done for index, line in board.read("run-a").items()} == {0: 2, 1: 1}


def test_lines_and_notes_do_not_stay_for_ever(client: redis.Redis) -> None:
    board = ProgressBoard(client)
    board.publish("run-a", progress(0))
    board.report_trouble("run-a", 0, "a sentence")

    assert all(client.ttl(key) > 0 for key in client.keys("*"))


def test_a_line_that_is_no_progress_is_left_out(client: redis.Redis) -> None:
    board = ProgressBoard(client)
    board.publish("run-a", progress(0))
    (key,) = client.keys("*progress*")
    client.hset(key, "1", b"\x80 no JSON")
    client.hset(key, "two", progress(2).model_dump_json())

    assert list(board.read("run-a")) == [0]


def test_a_note_is_read_as_it_was_written(client: redis.Redis) -> None:
    board = ProgressBoard(client)
    board.report_trouble("run-a", 3, "Überlauf: 1 → 2")

    assert board.troubles("run-a") == {3: "Überlauf: 1 → 2"}


def test_a_broker_that_is_away_costs_the_line_and_nothing_else(free_port: int) -> None:
    board = ProgressBoard(redis.Redis(port=free_port))
    board.publish("run-a", progress(0))
    board.report_trouble("run-a", 0, "a sentence")

    with pytest.raises(redis.RedisError):
        board.read("run-a")


def test_the_trouble_of_an_evaluation_is_told_apart_from_those_of_members(client: redis.Redis) -> None:
    board = ProgressBoard(client)
    run, extended = SimpleNamespace(run_id="run-a", extension=0), SimpleNamespace(run_id="run-a", extension=1)
    assert (board.evaluation_trouble(run), board.last_failed_on("run-a")) == (None, None)

    board.report_trouble("run-a", 0, "it broke", failed_on="worker-1")
    board.report_evaluation_trouble(run, "no memory", failed_on="worker-2")

    assert board.troubles("run-a") == {0: "it broke"}
    assert board.evaluation_trouble(run) == "no memory"
    assert (board.last_failed_on("run-a", 0), board.last_failed_on("run-a")) == ("worker-1", "worker-2")
    assert board.evaluation_trouble(extended) is None
    assert all(client.ttl(key) > 0 for key in client.keys("*"))


def test_it_is_counted_how_often_a_worker_left_a_member_until_it_tries_it_itself(client):
    board = ProgressBoard(client)
    for _ in range(3):
        board.count_deferral("run-a", 0, "worker-1")
    board.count_deferral("run-a", 1, "worker-1")

    assert [board.times_deferred("run-a", index, "worker-1") for index in range(3)] == [3, 1, 0]
    assert board.times_deferred("run-a", 0, "worker-2") == 0
    board.forget_deferrals("run-a", 0, "worker-1")
    assert board.times_deferred("run-a", 0, "worker-1") == 0
