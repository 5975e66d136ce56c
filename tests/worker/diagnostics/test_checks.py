from types import SimpleNamespace

import pytest
import redis

from deepchord.shared.broker import WorkerRegistry, clock_skew_s
from deepchord.shared.settings import Settings
from deepchord.shared.validation import PROTOCOL
from deepchord.worker.diagnostics.checks import Finding, examine_connectivity
from tests.shared.broker.test_worker_registry import info


def findings(**settings: object) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine_connectivity(Settings(**settings))}


@pytest.fixture
def client(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        names = ("maxmemory", "maxmemory-policy", "appendonly")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


def test_a_good_way_is_said_to_be_good(broker_url, client, tmp_path):
    client.config_set("appendonly", "yes")

    found = findings(broker=broker_url, storage=str(tmp_path / "storage"))

    assert {finding.state for finding in found.values()} == {"ok"}, found
    assert list(found) == ["broker", "encryption", "durability", "eviction", "clock", "workers", "storage", "dataset"]
    assert "is Valkey" in found["broker"].text
    password = broker_url.split("@")[0].rpartition(":")[2]
    assert not any(password in finding.text for finding in found.values())


def test_without_a_broker_storage_is_examined_all_the_same(tmp_path):
    found = findings(storage=str(tmp_path / "storage"))

    assert list(found) == ["broker", "storage", "dataset"]
    assert found["storage"].state == "ok"


def test_a_broker_that_is_not_there_is_a_problem(free_port, tmp_path):
    found = findings(broker=f"redis://:geheim@127.0.0.1:{free_port}", storage=str(tmp_path / "storage"))

    assert found["broker"].state == "problem"
    assert "Connection refused" in found["broker"].text
    assert "geheim" not in found["broker"].text


def test_a_broker_that_forgets_at_a_restart_is_a_warning_and_a_problem_if_it_is_the_storage(broker_url, tmp_path):
    shared = findings(broker=broker_url, storage=str(tmp_path / "storage"))["durability"]
    alone = findings(broker=broker_url, storage="broker://")["durability"]

    assert (shared.state, alone.state) == ("warning", "problem")
    assert "appendonly yes" in shared.text
    assert "loses all runs" in alone.text


def test_a_broker_that_forgets_when_it_is_full_is_a_problem(broker_url, client):
    client.config_set("maxmemory", 2**30)
    client.config_set("maxmemory-policy", "allkeys-lru")

    found = findings(broker=broker_url)["eviction"]

    assert (found.state, "allkeys-lru" in found.text) == ("problem", True)


def test_workers_of_another_version_are_named(broker_url, client):
    board = WorkerRegistry(client)
    board.register(info("a"))
    board.register(info("b", version="7.8.9", protocol=PROTOCOL + 1))

    found = findings(broker=broker_url)["workers"]

    assert found.state == "problem"
    assert "jax@b (7.8.9)" in found.text
    assert "jax@a" not in found.text


@pytest.mark.parametrize(("ahead_s", "state"), [(0.0, "ok"), (3600.0, "problem"), (-61.0, "problem")])
def test_a_clock_that_is_off_is_a_problem(broker_url, monkeypatch, ahead_s, state):
    monkeypatch.setattr("deepchord.worker.diagnostics.checks.clock_skew_s", lambda client: ahead_s)

    found = findings(broker=broker_url)["clock"]

    assert found.state == state
    assert ("set it, best by NTP" in found.text) == (state == "problem")


def test_the_skew_is_that_of_this_clock_and_the_brokers():
    client = SimpleNamespace(time=lambda: (1000, 500_000))

    assert clock_skew_s(client, now=iter([1009.5, 1011.5]).__next__) == pytest.approx(10.0)


def test_a_storage_that_cannot_be_written_is_a_problem(tmp_path):
    (tmp_path / "taken").write_text("a file")

    found = findings(storage=str(tmp_path / "taken"))["storage"]

    assert (found.state, "a file stands where a folder is needed" in found.text) == ("problem", True)


def test_clear_text_across_a_network_is_a_warning():
    from deepchord.worker.diagnostics.checks import _encryption

    assert _encryption(Settings(broker="redis://:x@broker.lan:6379/0")).state == "warning"
    assert _encryption(Settings(broker="redis://:x@127.0.0.1:6379/0")).state == "ok"
    assert _encryption(Settings(broker="rediss://:x@broker.lan:6379/0")).state == "ok"
