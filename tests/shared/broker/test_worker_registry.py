import json
from datetime import UTC, datetime

import pytest
import redis

from deepchord.shared.broker import Holder, Leases, WorkerInfo, WorkerRegistry, evaluation_lease, member_lease
from deepchord.shared.broker.leases import parse_lease_name
from deepchord.shared.validation import PROTOCOL


def info(worker: str, **changes: object) -> WorkerInfo:
    values = {
        "worker": worker,
        "name": f"jax@{worker}",
        "host": worker,
        "engine": "jax",
        "device": "cpu:0",
        "device_kind": "cpu",
        "version": "0.1.0",
        "protocol": PROTOCOL,
        "process_id": 1,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return WorkerInfo.model_validate({**values, **changes})


@pytest.fixture
def client(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def registry(client):
    return WorkerRegistry(client)


def test_workers_are_listed_by_host_until_they_say_that_they_are_gone(registry):
    assert registry.statuses() == []
    for worker in ("b", "a"):
        registry.register(info(worker))

    statuses = registry.statuses()

    assert [status.info for status in statuses] == [info("a"), info("b")]
    assert all(0 <= status.seen_s_ago < 60 and status.at_work is None for status in statuses)
    registry.unregister("a")
    assert [status.info.worker for status in registry.statuses()] == ["b"]


def test_a_worker_that_was_not_heard_of_is_forgotten(registry, client):
    registry.register(info("a"))
    client.delete("deepchord:worker:a")

    assert registry.statuses() == []
    assert client.smembers("deepchord:workers") == set()


@pytest.mark.parametrize(
    ("lease", "at_work"), [(member_lease("one", 7), ("one", 7)), (evaluation_lease("one"), ("one", None))]
)
def test_a_worker_is_at_what_it_has_the_lease_of(registry, client, lease, at_work):
    registry.register(info("a"))
    leases, holder = Leases(client), Holder(worker="a", process_id=1, token="x")

    leases.hold(lease, holder, 30.0)
    assert [status.at_work for status in registry.statuses()] == [at_work]

    leases.release(lease, holder, rest_s=5.0)
    assert [status.at_work for status in registry.statuses()] == [None]


def test_what_is_no_worker_is_left_out(registry, client):
    registry.register(info("a"))
    client.set("deepchord:worker:b", b'{"worker": "b"}', ex=60)
    client.sadd("deepchord:workers", "b")

    assert [status.info.worker for status in registry.statuses()] == ["a"]


@pytest.mark.parametrize("name", ["", "deepchord:lease:", "deepchord:lease:one:x", "elsewhere:lease:one:1"])
def test_what_is_no_lease_is_of_no_member(name):
    assert parse_lease_name(name) is None


def test_a_worker_of_a_newer_version_that_says_more_is_listed(registry, client):
    registry.register(info("a", protocol=PROTOCOL + 1))
    said = {**json.loads(client.get("deepchord:worker:a")), "gpu_memory": 1}
    client.set("deepchord:worker:a", json.dumps(said), ex=60)

    assert [status.info.protocol for status in registry.statuses()] == [PROTOCOL + 1]


def test_a_worker_that_takes_members_is_listed_as_earlier_versions_list_it_and_one_that_waits_says_so(registry, client):
    registry.register(info("a"))
    registry.register(info("b", waits_for="until 19:00"))

    assert "waits_for" not in json.loads(client.get("deepchord:worker:a"))
    assert [status.info.waits_for for status in registry.statuses()] == [None, "until 19:00"]
