"""A broker may answer a ping and be of no use: each such state is told, with what to do about it."""

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from deepchord.shared.broker import KEY_PREFIX, RepeatedProbe, broker_state, probe_broker, refuse_unusable_broker
from deepchord.shared.broker.probe import current_trouble
from deepchord.shared.errors import BrokerError, StorageError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.worker.diagnostics.checks import examine_connectivity
from tests.odd_brokers import OddBrokers


@pytest.fixture
def brokers(tmp_path, require) -> Iterator[OddBrokers]:
    require("a Redis with Sentinel, cluster and TLS (redis-server)", shutil.which("redis-server"))
    folder = tmp_path / "brokers"
    folder.mkdir()
    brokers = OddBrokers(folder)
    yield brokers
    brokers.stop()


def settings(port: int, user: str = "", database: int = 0) -> Settings:
    return Settings(broker=f"redis://{user}127.0.0.1:{port}/{database}", connect_timeout_s=2.0)


#: How a broker gets into a state, what is said of it, and whether that may pass.
STATES: dict[str, tuple[Callable[[OddBrokers], int], str, bool]] = {
    "replica": (
        lambda brokers: brokers.start("--replicaof", "127.0.0.1 1"),
        r"is a replica, .* its primary, redis://127\.0\.0\.1:1/0, with --broker",
        False,
    ),
    "replica that can be written": (
        lambda brokers: brokers.start("--replicaof", "127.0.0.1 1", "--replica-read-only", "no"),
        r"is a replica, .* its primary, redis://127\.0\.0\.1:1/0",
        False,
    ),
    "replica that has lost its primary": (
        lambda brokers: brokers.start("--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "no"),
        r"is a replica, .* its primary, redis://127\.0\.0\.1:1/0",
        False,
    ),
    "cluster": (OddBrokers.cluster, r"is part of a Redis Cluster, which is not supported.*give one server", False),
    "cluster that says nothing of itself": (
        lambda brokers: brokers.cluster("--rename-command", "INFO", ""),
        "is part of a Redis Cluster",
        False,
    ),
    "cluster without slots": (
        lambda brokers: brokers.start("--cluster-enabled", "yes"),
        "is part of a Redis Cluster",
        False,
    ),
    "full": (
        lambda brokers: brokers.start("--maxmemory", "1mb"),
        r"has no memory left \(maxmemory is 1\.0 MiB\): raise its maxmemory",
        True,
    ),
    "without EVALSHA": (
        lambda brokers: brokers.start("--rename-command", "EVALSHA", ""),
        r"does not let scripts run.*\(it knows no EVALSHA\): take what renames",
        False,
    ),
    "without EVAL": (
        lambda brokers: brokers.start("--rename-command", "EVAL", "hidden"),
        r"does not let scripts run.*\(it knows no EVAL\)",
        False,
    ),
    "without SCRIPT": (
        lambda brokers: brokers.start("--rename-command", "SCRIPT", ""),
        r"does not let scripts run.*\(it knows no SCRIPT\)",
        False,
    ),
    "without transactions": (
        lambda brokers: brokers.start("--rename-command", "MULTI", ""),
        "does not know the command MULTI, which a run needs: install Redis",
        False,
    ),
    "without BRPOP": (
        lambda brokers: brokers.start("--rename-command", "BRPOP", ""),
        "does not know the command BRPOP, which a run needs",
        False,
    ),
    "with room for few": (
        lambda brokers: brokers.start("--maxclients", 3),
        r"takes no more connections \(maxclients is 3\): raise its maxclients",
        True,
    ),
    "without replicas": (
        lambda brokers: brokers.start("--min-replicas-to-write", 1),
        r"takes no writes, for too few replicas are connected to it \(NOREPLICAS\).*min-replicas-to-write",
        True,
    ),
    "without a disk": (
        OddBrokers.without_a_disk,
        r"takes no writes, for it cannot save its snapshot \(MISCONF\): see in its log why",
        True,
    ),
    "Sentinel": (
        lambda brokers: brokers.sentinel_of(4711),
        r"is a Sentinel, .* of the primary that it watches, redis://127\.0\.0\.1:4711/0",
        False,
    ),
    "TLS": (OddBrokers.with_tls, "speaks TLS: write rediss:// in place of redis://", False),
}


@pytest.mark.parametrize("state", STATES)
def test_a_broker_that_answers_and_is_of_no_use_is_told_with_what_to_do(brokers, state):
    start, said, transient = STATES[state]
    asked = settings(start(brokers))

    with pytest.raises(BrokerError, match=rf"^Broker {asked.broker} {said}") as caught:
        probe_broker(asked)
    found = next(examine_connectivity(asked))

    assert caught.value.transient == transient
    assert (found.what, found.state) == ("broker", "problem")
    assert str(caught.value).endswith(f"{found.text}.")


@pytest.mark.parametrize("way", [{"user": ":secret@"}, {"user": "me:secret@"}, {"database": 3}])
def test_a_sentinel_is_known_whatever_password_or_database_is_asked_of_it(brokers, way):
    with pytest.raises(BrokerError, match=r"is a Sentinel, .* redis://127\.0\.0\.1:4711/0") as caught:
        probe_broker(settings(brokers.sentinel_of(4711), **way))

    assert "secret" not in str(caught.value)


def test_no_tls_where_tls_is_asked_for_is_told(brokers):
    port = brokers.start("--requirepass", "secret")

    with pytest.raises(BrokerError, match="does not speak TLS: write redis:// in place of rediss://"):
        probe_broker(Settings(broker=f"rediss://:secret@127.0.0.1:{port}/0", connect_timeout_s=0.5))


def test_a_broker_that_loads_its_data_is_waited_for_and_then_told(brokers, monkeypatch):
    monkeypatch.setattr("deepchord.shared.broker.connection._LOADS_WITHIN_S", 0.5)
    folder = brokers.folder / "filled"
    folder.mkdir()
    with redis.Redis(port=brokers.start("--dir", folder)) as client:
        client.mset({f"key {number}": "value" for number in range(5_000)})
        client.save()
    slowly = ("--dir", folder, "--key-load-delay", 2000, "--loading-process-events-interval-bytes", 1024)
    port = brokers.start(*slowly)

    with pytest.raises(BrokerError, match="is still loading its data from disk: try again when it has") as caught:
        probe_broker(settings(port))
    assert caught.value.transient
    monkeypatch.setattr("deepchord.shared.broker.connection._LOADS_WITHIN_S", 300.0)
    with redis.Redis(port=port) as client:
        threading.Timer(0.2, client.config_set, ("key-load-delay", 0)).start()
        probe_broker(settings(port))


def test_a_good_broker_is_left_as_it_was(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        client.set(f"{KEY_PREFIX}workers", "kept")
        probe_broker(Settings(broker=broker_url))

        assert client.keys() == [f"{KEY_PREFIX}workers".encode()]


def test_a_broker_that_says_nothing_of_itself_works_and_what_is_not_known_is_told(brokers):
    asked = settings(brokers.start("--rename-command", "INFO", ""))

    probe_broker(asked)
    found = {finding.what: finding for finding in examine_connectivity(asked)}

    assert found["broker"].state == "warning"
    assert "takes writes, transactions and scripts; of its version, durability and eviction" in found["broker"].text
    assert found["workers"].state == "ok"


def test_a_broker_that_says_nothing_of_itself_is_no_storage(brokers, tmp_path):
    asked = settings(brokers.start("--rename-command", "INFO", "")).model_copy(update={"storage": "broker://"})

    with pytest.raises(StorageError, match="does not tell whether it forgets what it holds") as caught:
        RunStore.open(asked).check_writable()
    assert caught.value.permanent


def test_a_sentinel_of_valkey_is_known_too():
    found = broker_state(None, {"server_mode": "sentinel", "master0": {"address": "127.0.0.1:4711"}})

    assert found is not None
    assert "redis://127.0.0.1:4711/0" in found.text


def test_who_waits_for_a_broker_refuses_one_that_waiting_does_not_help_and_logs_the_rest(brokers, free_port, caplog):
    refuse_unusable_broker(settings(free_port))
    with pytest.raises(BrokerError, match="is a replica"):
        refuse_unusable_broker(settings(brokers.start("--replicaof", "127.0.0.1 1")))

    assert [record.message for record in caplog.records] == [
        f"Broker redis://127.0.0.1:{free_port}/0 does not answer as Redis or Valkey (Connection refused): start it, "
        "correct --broker or DEEPCHORD_BROKER, or leave it out to use the embedded one."
    ]


def test_a_worker_that_lacks_a_right_is_not_told_to_take_the_coordinators_user(brokers):
    port = brokers.start()
    with redis.Redis(port=port) as client:
        client.acl_setuser("worker", enabled=True, nopass=True, keys=["*"], categories=["+@all", "-@scripting"])

    with pytest.raises(BrokerError, match=r"give `deepchord worker` the worker's user") as caught:
        refuse_unusable_broker(settings(port, "worker:secret@"))
    assert not caught.value.transient


def test_the_present_trouble_of_a_broker_in_use_is_found_out(brokers, free_port):
    port = brokers.start()
    with redis.Redis(port=port) as client:
        before = current_trouble(settings(port))
        client.config_set("maxmemory", 1)
        full = current_trouble(settings(port))

    assert before is None
    assert full is not None
    assert full.startswith("the broker has no memory left")
    assert current_trouble(settings(free_port)) is None


def test_a_broker_in_use_is_looked_at_over_one_connection(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        before = client.info("stats")["total_connections_received"]
        assert current_trouble(Settings(broker=broker_url)) is None

        assert client.info("stats")["total_connections_received"] == before + 1


def test_a_broker_in_use_is_looked_at_ever_less_often_until_something_is_wrong(monkeypatch):
    time, looks = [0.0], list[float]()
    wrong: list[str | None] = [None]

    def look(_settings: Settings) -> str | None:
        looks.append(time[0])
        return wrong[0]

    monkeypatch.setattr("deepchord.shared.broker.probe.current_trouble", look)
    probe = RepeatedProbe(lambda: time[0])

    def follow(until: float, *, now: bool = False) -> list[str | None]:
        told = []
        while time[0] < until:
            told.append(probe.trouble(Settings(), now=now))
            time[0] += 5.0
        return told

    assert follow(until=200.0) == [None] * 40
    assert looks == [0.0, 10.0, 30.0, 70.0, 130.0, 190.0]

    wrong[0] = "the broker is full"
    assert follow(until=205.0, now=True) == follow(until=210.0) == ["the broker is full"]

    wrong[0] = None
    follow(until=225.0)
    assert looks[6:] == [200.0, 205.0, 210.0, 220.0]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("DENIED Redis is running in protected mode because protected mode is enabled", "lets nobody in from other"),
        ("MISCONF Errors writing to the AOF file: No space left on device", "cannot save its append-only file"),
        ("BUSY Redis is busy running a script.", "is busy with somebody's script"),
        ("unknown command `EVALSHA`, with args beginning with:", "does not let scripts run"),
    ],
)
def test_what_a_broker_says_is_understood(said, meant):
    state = broker_state(redis.ResponseError(said), {})

    assert state is not None
    assert state.text.startswith(meant) or meant in state.text


@pytest.mark.parametrize("said", ["WRONGTYPE Operation against a key", "syntax error", "EVICTBUSY"])
def test_what_is_none_of_the_states_is_taken_for_none(said):
    assert broker_state(redis.ResponseError(said), {}) is None
