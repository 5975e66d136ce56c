import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from deepchord.coordinator.runs import evaluation_task_id, member_task_id, plan_member, plan_request, plan_run, submit
from deepchord.shared.errors import BrokerError, InputError, StorageError
from deepchord.shared.messages import DatasetInfo, MemberSpec, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import QUEUE, create_app, look, sign
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.shares import Share
from deepchord.shared.storage import RunStore

pytestmark = pytest.mark.slow

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))

Queue = Callable[[], list[dict[str, Any]]]


def run_of(members: int) -> RunSpec:
    return plan_run(plan_request(None, {"members": members}), TINY, DATASET, max_attempts=3)


def content(message: dict[str, Any]) -> Any:
    """What a worker gets: positional arguments, named ones, and what is to happen afterwards."""
    return json.loads(base64.b64decode(message["body"]))


@pytest.fixture
def app(broker_url: str) -> Iterator[Celery]:
    with create_app(load_settings(broker=broker_url)) as app:
        yield app


@pytest.fixture
def queue(broker_url: str) -> Queue:
    """The messages as they lie in the broker, the first one sent first."""

    def read() -> list[dict[str, Any]]:
        with redis.Redis.from_url(broker_url) as client:
            return [json.loads(message) for message in client.lrange(f"deepchord:{QUEUE}", 0, -1)[::-1]]

    return read


def test_a_task_is_sent_for_each_member_by_name_and_with_an_id_that_follows_from_the_run(app, store, queue):
    run = run_of(3)

    submit(app, store, run)

    headers = [message["headers"] for message in queue()]
    assert [header["task"] for header in headers] == ["deepchord.train_member"] * 3
    assert [header["id"] for header in headers] == [f"{run.run_id}.member-00{index}" for index in range(3)]
    assert [member_task_id(run.run_id, index) for index in range(3)] == [header["id"] for header in headers]


def test_each_message_carries_its_member_and_nothing_else(app, store, queue):
    run = run_of(3)

    submit(app, store, run)

    arguments = [content(message)[:2] for message in queue()]
    assert [named for _, named in arguments] == [{}, {}, {}]
    assert tuple(MemberSpec.parse(given[0], "message") for given, _ in arguments) == tuple(
        plan_member(run.run_id, run.seed, index) for index in range(run.members)
    )
    assert all(len(given) == 1 for given, _ in arguments)


def test_workers_know_the_share_of_a_run_and_its_size_before_they_take_its_first_member(app, store, broker_url):
    run = run_of(3).model_copy(update={"share": Share(priority="high", most_workers=2)})

    submit(app, store, run)

    with redis.Redis.from_url(broker_url) as client:
        (task,) = look(client, [QUEUE]).tasks
    assert (task.run.run_id, task.run.waiting, task.run.members) == (run.run_id, 3, 3)
    assert task.run.share == run.share


def test_with_a_key_each_message_is_signed(broker_url, store, queue):
    with create_app(load_settings(broker=broker_url, signing_key="k" * 16)) as app:
        submit(app, store, run_of(2))

    for message in queue():
        given = content(message)[0]
        assert given[1] == sign("k" * 16, given[0])
        assert "k" * 16 not in json.dumps(message)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_the_chord_ends_with_the_evaluation_which_takes_the_run_and_no_results(app, store, queue, members):
    run = run_of(members)

    submit(app, store, run)

    bodies = [content(message)[2]["chord"] for message in queue()]
    assert len(bodies) == members
    for body in bodies:
        assert (body["task"], body["args"], body["kwargs"]) == ("deepchord.evaluate_ensemble", [run.run_id], {})
        assert body["immutable"] is True
        assert body["options"]["task_id"] == evaluation_task_id(run) == f"{run.run_id}.evaluation"


def test_nothing_but_json_goes_over_the_wire(app, store, queue):
    submit(app, store, run_of(2))

    for message in queue():
        assert (message["content-type"], message["content-encoding"]) == ("application/json", "utf-8")
        assert content(message)


def test_every_key_in_the_broker_begins_with_the_name_of_deepchord(app, store, broker_url):
    submit(app, store, run_of(2))

    with redis.Redis.from_url(broker_url) as client:
        keys = client.keys()
    assert keys
    assert [key for key in keys if not key.startswith(b"deepchord:")] == []


def test_the_run_lies_in_storage(app, store):
    run = run_of(2)

    submit(app, store, run)

    assert store.run(run.run_id) == run
    assert store.run_ids() == [run.run_id]


def test_a_run_that_exists_is_refused_and_nothing_is_sent_again(app, store, queue):
    run = run_of(2)
    submit(app, store, run)

    with pytest.raises(InputError, match=f"There is a run {run.run_id} .* already"):
        submit(app, store, run)

    assert len(queue()) == 2


def test_nothing_is_sent_when_the_run_cannot_be_written_first(app, tmp_path: Path, queue):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        submit(app, RunStore.open(Settings(storage=str(tmp_path / "file"))), run_of(2))

    assert queue() == []


def test_a_broker_that_went_away_is_named_without_its_password(store, free_port):
    run = run_of(2)
    address = f"127.0.0.1:{free_port}/0"

    with create_app(load_settings(broker=f"redis://:geheim@{address}")) as app, pytest.raises(BrokerError) as caught:
        submit(app, store, run)

    assert f"redis://{address} stopped answering" in str(caught.value)
    assert f"`deepchord resume {run.run_id}`" in str(caught.value)
    assert store.run(run.run_id) == run
    assert "geheim" not in str(caught.value)
