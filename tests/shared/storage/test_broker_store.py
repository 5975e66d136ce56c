import pytest
import redis

from deepchord.shared.errors import InputError, StorageError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import broker_store
from deepchord.shared.storage.broker_store import open_broker_store


@pytest.fixture
def client(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        before = client.config_get("maxmemory*")
        yield client
        for name in ("maxmemory", "maxmemory-policy"):
            client.config_set(name, before[name])


@pytest.fixture
def store(broker_url):
    return open_broker_store(Settings(storage="broker://", broker=broker_url))


def test_an_object_that_is_too_large_is_refused_with_what_to_do(store, monkeypatch):
    monkeypatch.setattr(broker_store, "_MAX_OBJECT_BYTES", 1000)

    with pytest.raises(StorageError, match=r"at most 0 MiB: give a folder or s3://bucket") as caught:
        store.replace("weights", b"x" * 1001)

    assert caught.value.permanent
    assert not store.exists("weights")


def test_a_broker_whose_memory_is_full_is_said_and_nothing_half_is_left(store, client):
    client.config_set("maxmemory", 1)

    with pytest.raises(StorageError, match=r"memory is full; raise its maxmemory") as caught:
        store.create("weights", b"x")

    assert caught.value.permanent
    client.config_set("maxmemory", 0)
    assert not store.exists("weights")
    assert list(store.list("")) == []


def test_a_broker_that_forgets_when_it_is_full_is_refused(store, client):
    client.config_set("maxmemory", 2**30)
    client.config_set("maxmemory-policy", "allkeys-lru")

    with pytest.raises(StorageError, match=r"forgets .* set maxmemory-policy noeviction"):
        store.create("one", b"1")


def test_more_keys_than_are_asked_for_at_once_are_all_listed(store, monkeypatch):
    monkeypatch.setattr(broker_store, "_LIST_BATCH", 3)
    expected = [f"runs/{number:02d}" for number in range(10)]
    for key in [*reversed(expected), "runs-more", "run"]:
        store.create(key, b"")

    assert list(store.list("runs/")) == expected
    assert len(list(store.list(""))) == 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"storage": "broker://"}, "give one with --broker"),
        ({"storage": "broker://", "broker": "redis://somewhere", "local": True}, "give one with --broker"),
        ({"storage": "broker://elsewhere", "broker": "redis://somewhere"}, "nothing follows broker://"),
    ],
)
def test_a_storage_in_no_broker_or_in_another_one_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        open_broker_store(Settings(**settings))


def test_a_password_in_the_storage_is_not_told():
    with pytest.raises(InputError, match="nothing follows") as caught:
        open_broker_store(Settings(storage="broker://:geheim@box:6379/0", broker="redis://box"))

    assert "geheim" not in str(caught.value)


def test_a_broker_that_is_away_is_an_error_in_passing(free_port):
    store = open_broker_store(Settings(storage="broker://", broker=f"redis://127.0.0.1:{free_port}"))

    with pytest.raises(StorageError, match="Cannot read one in storage broker://") as caught:
        store.get("one")

    assert not caught.value.permanent
