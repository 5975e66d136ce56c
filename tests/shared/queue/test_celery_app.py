import ssl

import pytest
import redis
from kombu import Connection, Producer

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import InputError
from deepchord.shared.queue import EVALUATE_ENSEMBLE, QUEUE, create_app
from deepchord.shared.queue.celery_app import InstalledLoader
from deepchord.shared.queue.result_backend import UnwatchedRedisBackend
from deepchord.shared.settings import load_settings
from tests.strangers import STRANGERS_ENVIRONMENT


def test_without_a_broker_there_is_no_application() -> None:
    with pytest.raises(InputError, match="DEEPCHORD_BROKER"):
        create_app(load_settings())


def test_what_was_given_is_used_whatever_celery_reads_in_the_environment(monkeypatch, caplog) -> None:
    for name, value in STRANGERS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    with create_app(load_settings(broker="rediss://:secret@localhost:6380/0")) as app:
        for connection in (app.connection_for_write(), app.connection_for_read()):
            assert connection.as_uri(include_password=True) == "redis://:secret@localhost:6380/0"
            assert connection.ssl["ssl_cert_reqs"] == ssl.CERT_REQUIRED
        assert isinstance(app.backend, UnwatchedRedisBackend)
        assert (app.backend.connparams["host"], app.backend.connparams["port"]) == ("localhost", 6380)
        assert isinstance(app.loader, InstalledLoader)
    (said,) = caplog.messages
    assert "CELERY_BROKER_URL" in said
    assert "CELERY_LOADER" in said


def test_modules_are_not_looked_for_in_the_current_folder(monkeypatch, tmp_path) -> None:
    (tmp_path / "celeryconfig.py").write_text("raise AssertionError('a stranger was imported')")
    monkeypatch.chdir(tmp_path)

    with create_app(load_settings(broker="redis://localhost/0")) as app:
        for look in (app.loader.import_from_cwd, app.loader.find_module, app.loader.import_task_module):
            with pytest.raises(ModuleNotFoundError):
                look("celeryconfig")
            assert look("deepchord.shared.version").__name__ == "deepchord.shared.version"


@pytest.mark.parametrize(
    ("scheme", "wanted"),
    [("redis", False), ("rediss", {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True})],
)
def test_a_broker_with_tls_is_talked_to_with_tls_and_its_certificate_is_checked(scheme: str, wanted: object) -> None:
    with create_app(load_settings(broker=f"{scheme}://:secret@localhost:6380/0")) as app:
        assert (app.connection_for_write().ssl or False) == wanted
        assert ("ssl_cert_reqs" in app.backend.connparams) == bool(wanted)


def test_a_task_lies_as_json_in_the_queue_with_our_prefix(broker_url: str) -> None:
    app = create_app(load_settings(broker=broker_url))
    app.send_task(EVALUATE_ENSEMBLE, args=["run-a"])

    with redis.Redis.from_url(broker_url) as client:
        (message,) = client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)
    assert b'"content-type": "application/json"' in message


def test_pickled_messages_are_refused(broker_url: str, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(load_settings(broker=broker_url))
    headers = {"id": "one", "task": EVALUATE_ENSEMBLE}
    with Connection(broker_url, transport_options={"global_keyprefix": KEY_PREFIX}) as connection:
        Producer(connection.channel()).publish({"a": 1}, routing_key=QUEUE, serializer="pickle", headers=headers)
        with app.connection_for_read() as reading:
            consumer = app.amqp.TaskConsumer(reading.channel(), accept=app.conf.accept_content)
            consumer.register_callback(lambda body, message: pytest.fail("the message was decoded"))
            with consumer:
                reading.drain_events(timeout=10)

    assert app.conf.accept_content == ["json"]
    assert "content-type: input should be 'application/json', found 'application/x-python-serialize'" in caplog.text


def test_sending_tasks_subscribes_to_nothing(broker_url: str) -> None:
    app = create_app(load_settings(broker=broker_url))
    result = app.send_task(EVALUATE_ENSEMBLE, args=["run-a"])

    assert isinstance(app.backend, UnwatchedRedisBackend)
    assert app.backend.result_consumer.subscribed_to == set()
    assert result.state == "PENDING"
