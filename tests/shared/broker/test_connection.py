import http.server
import threading

import pytest
import redis

from deepchord.shared.broker import connect, connect_lazily
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.settings import Settings, load_settings

SECRET = "5ecret"


def settings(url: str) -> Settings:
    return load_settings(broker=url, connect_timeout_s=2.0)


@pytest.fixture
def web_server():
    """Something that listens and is no Redis."""
    with http.server.HTTPServer(("127.0.0.1", 0), QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_words):
        """Keep the test's output calm."""


def test_a_broker_that_answers_gives_a_client(broker_url):
    with connect(settings(broker_url)) as client:
        assert client.set("name", "value")
        assert client.get("name") == b"value"


def test_no_test_finds_what_another_left(broker_url):
    with connect(settings(broker_url)) as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("secret", [f":{SECRET}@", f"user:{SECRET}@", ""])
def test_a_wrong_password_is_named_without_being_shown(broker_url, secret):
    place = broker_url.rpartition("@")[2]

    with pytest.raises(BrokerError, match=rf"^Broker redis://{place} refuses the user name or password") as caught:
        connect(settings(f"redis://{secret}{place}"))

    assert SECRET not in str(caught.value)


def test_a_broker_that_nobody_runs_is_named_with_what_to_do(free_port):
    with pytest.raises(BrokerError, match=rf":{free_port}/0 does not answer .*Connection refused") as caught:
        connect(settings(f"redis://:{SECRET}@127.0.0.1:{free_port}/0"))

    assert SECRET not in str(caught.value)
    assert "or leave it out to use the embedded one" in str(caught.value)


def test_something_else_that_listens_is_no_broker(web_server):
    with pytest.raises(BrokerError, match="does not answer as Redis or Valkey") as caught:
        connect(settings(f"redis://:{SECRET}@127.0.0.1:{web_server}/0"))

    assert SECRET not in str(caught.value)


def test_a_host_that_does_not_exist_is_named():
    with pytest.raises(BrokerError, match=r"redis://nowhere\.invalid:6379/0 does not answer"):
        connect(settings("redis://nowhere.invalid:6379/0"))


def test_a_database_that_the_server_does_not_have_is_said(broker_url):
    with pytest.raises(BrokerError, match="DB index is out of range"):
        connect(settings(broker_url.removesuffix("/0") + "/99"))


@pytest.mark.parametrize("call", [connect, connect_lazily])
def test_without_a_broker_the_user_is_told_how_to_give_one(call):
    with pytest.raises(InputError, match=r"set DEEPCHORD_BROKER or --broker to redis://"):
        call(load_settings())


def test_a_lazy_client_outlives_a_broker_that_is_not_there_yet(free_port):
    with connect_lazily(settings(f"redis://127.0.0.1:{free_port}/0")) as client, pytest.raises(redis.ConnectionError):
        client.ping()
