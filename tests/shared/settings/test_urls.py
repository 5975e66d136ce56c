import re
import shutil
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.broker import connect, probe_broker
from deepchord.shared.errors import InputError
from deepchord.shared.queue import EVALUATE_ENSEMBLE, create_app
from deepchord.shared.settings import Settings, celery_url, is_socket, load_settings, server_url, without_password
from deepchord.shared.settings.urls import broker_url
from deepchord.worker.diagnostics.checks import examine_connectivity
from tests.odd_brokers import OddBrokers


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("redis://host", "redis://host"),
        ("redis://:s%2Fcret@host:6379/3", "redis://:s%2Fcret@host:6379/3"),
        ("rediss://me:secret@[::1]:6380/", "rediss://me:secret@[::1]:6380/"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("unix:///run/redis.sock?db=7", "unix:///run/redis.sock?db=7"),
        ("unix://me:secret@/run/redis.sock", "unix://me:secret@/run/redis.sock?db=0"),
        ("redis+socket:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("redis+socket://:secret@/run/a%20b.sock?virtual_host=2", "unix://:secret@/run/a%20b.sock?db=2"),
        ("unix:///run/wörk er.sock", "unix:///run/w%C3%B6rk%20er.sock?db=0"),
    ],
)
def test_a_broker_may_be_reached_over_the_network_and_over_a_socket(given, used):
    assert broker_url(given) == used
    assert broker_url(used) == used


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sentinel://host:26379", "Sentinel is not supported, .* give the primary's address"),
        ("redis+sentinel://:secret@host:26379/main", "Sentinel is not supported"),
        ("sentinel://a:26379;sentinel://b:26379", "get-master-addr-by-name NAME"),
        ("redis+cluster://host:6379", "Redis Cluster is not supported: give one server"),
        ("valkey://host:6379/0", r"reached with redis:// in place of valkey://"),
        ("valkeys://host:6379/0", r"reached with rediss:// in place of valkeys://"),
        ("unix://run/redis.sock", "expected an absolute path"),
        ("unix://", "expected an absolute path"),
        ("unix:///", "expected an absolute path"),
        ("unix:////run/redis.sock", "expected an absolute path"),
        ("unix:///run/redis.sock?virtual_host=1", r"unix:///path/of/the/socket\?db=0"),
        ("unix:///run/redis.sock?db=one", "at most the database's number"),
        ("unix:///run/redis.sock?db=", "at most the database's number"),
        ("unix:///run/redis.sock?db=0&password=secret", "at most the database's number"),
        ("redis+socket:///run/redis.sock?db=1", "virtual_host=0"),
        ("redis:///run/redis.sock", r"or unix:///path/of/the/socket\?db=0, and no other query"),
        ("redis://host/0?ssl_cert_reqs=none", "no other query"),
        ("redis://host:port", "expected redis://"),
        ("/run/redis.sock", "expected redis://"),
        ("amqp://me:secret@host", "expected redis://"),
        ("", "expected redis://"),
    ],
)
def test_what_cannot_name_a_broker_is_refused_with_what_can_and_without_its_password(url, why):
    with pytest.raises(ValueError, match=why) as caught:
        broker_url(url)

    assert "secret" not in str(caught.value)


def test_a_refusal_names_the_setting():
    with pytest.raises(InputError, match=r"Setting DEEPCHORD_BROKER \(or option --broker\) is not valid: Sentinel is"):
        load_settings(broker="sentinel://host:26379")


PATHS = st.from_regex(r"/[^/\x00?#%\s@:][^\x00?#%\s]{0,20}", fullmatch=True)


@given(PATHS, st.integers(0, 99999))
def test_a_socket_is_told_to_celery_as_it_was_given(path, database):
    url = celery_url(broker_url(f"unix://{path}?db={database}"))

    found = re.fullmatch(r"socket://(/.*)\?virtual_host=([0-9]+)", url)
    assert found is not None
    assert (unquote(found[1]), int(found[2])) == (path, database)


@given(st.text(max_size=60))
def test_any_text_is_a_broker_or_is_refused(text):
    try:
        url = broker_url(text)
    except ValueError:
        return
    assert broker_url(url) == url


@pytest.mark.parametrize("url", ["redis://me:secret@host:6379/3", "redis://host/3", "unix://:secret@/run/x.sock?db=3"])
def test_where_a_broker_is_says_nothing_else(url):
    place = server_url(url)

    assert "secret" not in place
    assert "3" not in place.removesuffix(":6379").replace("6379", "")
    assert is_socket(place) == is_socket(url)
    assert without_password(place) == place


def test_a_broker_on_a_socket_is_a_broker_like_any_other(tmp_path, require):
    require("a Redis (redis-server)", shutil.which("redis-server"))
    (tmp_path / "brokers").mkdir()
    brokers, path = OddBrokers(tmp_path / "brokers"), tmp_path / "the broker.sock"
    try:
        brokers.start("--unixsocket", path, "--requirepass", "secret")
        settings = Settings(broker=f"redis+socket://:secret@{path}?virtual_host=3", storage=str(tmp_path / "storage"))
        probe_broker(settings)
        findings = {finding.what: finding for finding in examine_connectivity(settings)}
        with create_app(settings, takes_tasks=True) as app, connect(settings) as client:
            app.send_task(EVALUATE_ENSEMBLE, args=["run-a"])
            got = []
            with app.connection_for_read() as reading:
                consumer = app.amqp.TaskConsumer(reading.channel(), accept=["json"])
                consumer.on_message = lambda message: (got.append(message.headers["task"]), message.ack())
                with consumer:
                    while not got:
                        reading.drain_events(timeout=10)
                assert "secret" not in reading.as_uri()
            app.backend.client.set("result", "kept")

            assert got == [EVALUATE_ENSEMBLE]
            assert client.connection_pool.connection_kwargs["db"] == 3
            assert client.get("result") == b"kept"
    finally:
        brokers.stop()

    assert findings["broker"].state == "ok"
    assert findings["encryption"].text == "none, and none is needed: the broker is on this machine"
    assert not any("secret" in finding.text for finding in findings.values())
