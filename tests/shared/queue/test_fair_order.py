"""Which message a worker takes next, from the queues of a real broker."""

from collections.abc import Callable, Iterator

import pytest
import redis
from celery import Celery

from deepchord.shared.broker import KEY_PREFIX, Holder, Leases, Limit, connect_lazily, member_lease
from deepchord.shared.queue import (
    EVALUATE_ENSEMBLE,
    QUEUE,
    TRAIN_MEMBER,
    ShareBoard,
    create_app,
    fair_order,
    look,
    queued_task_ids,
)
from deepchord.shared.queue.fair_order import FairOrder
from deepchord.shared.queue.messages import task_id
from deepchord.shared.queue.waiting import take_task
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.shares import Share

SEPARATOR = "\x06\x16"
GPU = f"{QUEUE}.gpu"


@pytest.fixture
def settings(broker_url: str) -> Settings:
    return load_settings(broker=broker_url)


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with connect_lazily(settings) as client:
        yield client


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with create_app(settings) as app:
        yield app


@pytest.fixture
def send(app: Celery, client: redis.Redis) -> Callable[..., None]:
    """Send the members of a run, and tell its share."""

    def members(run: str, count: int, queue: str = QUEUE, **share: object) -> None:
        ShareBoard(client).publish(run, Share.model_validate(share), count)
        for index in range(count):
            app.send_task(TRAIN_MEMBER, task_id=f"{run}.member-{index:03d}", queue=queue)

    return members


@pytest.fixture
def order(client: redis.Redis) -> FairOrder:
    return FairOrder(client, SEPARATOR)


def fetched(client: redis.Redis, order: FairOrder, queues: tuple[str, ...] = (QUEUE,)) -> str | None:
    """The task that a worker takes next; None: nothing that it may take."""
    if order.prepare(queues):
        lists = [f"{KEY_PREFIX}{order.own_list(queue)}" for queue in queues]
        moved = [message for message in (client.rpop(each) for each in lists) if message is not None]
        assert len(moved) <= 1
        return task_id(moved[0]) if moved else None
    message = client.rpop(f"{KEY_PREFIX}{queues[0]}")
    return None if message is None else task_id(message)


def test_each_run_has_its_first_member_trained_before_others_have_their_second(client, send, order):
    for run, count in (("long", 5), ("other", 4), ("short", 2)):
        send(run, count)

    taken = [fetched(client, order) for _ in range(11)]

    assert taken[:3] == ["short.member-000", "other.member-000", "long.member-000"]
    assert [each for each in taken if each.startswith("long")] == [f"long.member-00{index}" for index in range(5)]
    assert len(set(taken)) == 11
    assert fetched(client, order) is None


def test_what_an_earlier_worker_takes_counts_as_well(client, send, order):
    send("one", 6, priority="low")
    send("two", 6, priority="low")
    fetched(client, order)
    fetched(client, order)
    for _ in range(3):  # a worker that knows only the order of arrival
        assert task_id(client.rpop(f"{KEY_PREFIX}{QUEUE}")).startswith("one")

    assert [fetched(client, order).partition(".")[0] for _ in range(2)] == ["two", "two"]


def test_an_evaluation_goes_before_all_members_and_what_is_no_message_leaves_the_queue(client, app, send, order):
    send("run", 3)
    app.send_task(EVALUATE_ENSEMBLE, task_id="earlier.evaluation", queue=QUEUE)
    client.lpush(f"{KEY_PREFIX}{QUEUE}", b"\xff nothing")

    assert fetched(client, order) == "earlier.evaluation"
    assert fetched(client, order) is None  # the broken one, which the transport discards
    assert fetched(client, order) == "run.member-000"


def test_a_task_that_came_back_is_left_until_nothing_else_waits(client, app, send, order):
    send("stuck", 1)
    assert fetched(client, order) == "stuck.member-000"
    send("other", 2)
    app.send_task(TRAIN_MEMBER, task_id="stuck.member-000", queue=QUEUE)

    taken = [fetched(client, order) for _ in range(3)]

    assert taken == ["other.member-000", "other.member-001", "stuck.member-000"]


def test_a_run_at_its_limit_waits_in_the_queue_until_one_of_its_members_is_done(client, send, order):
    send("limited", 3, most_workers=1)
    name, holder, limit = (
        member_lease("limited", 0),
        Holder(worker="a", process_id=1, token="1"),
        Limit(run_id="limited", members=1),
    )
    assert fetched(client, order) == "limited.member-000"
    assert Leases(client).hold(name, holder, 30, limit=limit) is None

    assert [order.prepare([QUEUE]) for _ in range(2)] == [True, True]
    assert fetched(client, order) is None
    send("free", 1)
    assert fetched(client, order) == "free.member-000"
    Leases(client).release(name, holder, limit=limit)
    assert fetched(client, order) == "limited.member-001"


def test_a_worker_chooses_from_all_of_its_queues_and_from_no_other(client, send, order):
    send("any", 2)
    send("gpu", 1, queue=GPU)

    assert {fetched(client, order, (QUEUE, GPU)) for _ in range(3)} == {
        "any.member-000", "any.member-001", "gpu.member-000",
    }  # fmt: skip
    send("gpu", 1, queue=GPU)
    assert fetched(client, order) is None


def test_a_message_that_was_moved_and_not_fetched_is_fetched_next(client, send, order):
    send("run", 2)
    assert order.prepare([QUEUE])

    assert FairOrder(client, SEPARATOR).prepare([QUEUE])

    assert fetched(client, order) == "run.member-000"
    assert queued_task_ids(client, QUEUE) == {"run.member-001"}


def test_accounts_and_shares_that_nobody_can_read_count_as_none(client, send, order):
    send("run", 2, priority="high")
    client.set(f"{KEY_PREFIX}deepchord.ledger", b"\xff{")
    client.hset(f"{KEY_PREFIX}deepchord.shares", "run", '{"share": 1}')
    client.hset(f"{KEY_PREFIX}deepchord.seconds", "run", "nan")

    (task,) = look(client, [QUEUE]).tasks

    assert (task.run.share, task.run.members, task.run.seconds) == (Share(), None, None)
    assert fetched(client, order) == "run.member-000"


def test_where_the_broker_takes_nothing_messages_are_taken_as_they_arrived(client, send, order, caplog):
    send("first", 1)
    send("second", 1, priority="high")
    client.config_set("maxmemory", 1)
    try:
        assert [order.prepare([QUEUE]) for _ in range(2)] == [False, False]
        assert queued_task_ids(client, QUEUE) == {"first.member-000", "second.member-000"}
    finally:
        client.config_set("maxmemory", 0)
    assert len([line for line in caplog.messages if "in the order of their arrival" in line]) == 1


def test_workers_that_choose_at_the_same_moment_take_different_messages(client, send, order, monkeypatch):
    send("run", 3)
    faster, taken = FairOrder(client, f"{SEPARATOR}other-"), list[str | None]()

    def late(*arguments):
        if len(taken) < 2:  # another worker takes what was just chosen
            with monkeypatch.context() as as_usual:
                as_usual.setattr(fair_order, "take_task", take_task)
                taken.append(fetched(client, faster))
        return take_task(*arguments)

    monkeypatch.setattr(fair_order, "take_task", late)

    assert fetched(client, order) == "run.member-002"
    assert taken == ["run.member-000", "run.member-001"]
