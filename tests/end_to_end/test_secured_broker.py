"""A broker with TLS and a user for each role, made with the very commands and rights that docs/fleet.md gives."""

import re
import shutil
import subprocess
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from deepchord.coordinator.housekeeping import plan_prune, prune_rules, survey_storage
from deepchord.shared.broker import KEY_PREFIX, connect
from deepchord.shared.errors import BrokerError
from deepchord.shared.queue import QUEUE, TRAIN_MEMBER, create_app
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.worker.diagnostics.checks import examine_connectivity
from tests.servers import make_certificates, start_secured_broker
from tests.waiting import wait_until


@dataclass(frozen=True)
class SecuredBroker:
    port: int
    certificates: Path

    @property
    def ca_file(self) -> Path:
        return self.certificates / "ca.crt"

    def url(self, role: str, password: str | None = None) -> str:
        return f"rediss://{role}:{password or 'secret-of-' + role}@localhost:{self.port}/0"

    def client(self, role: str) -> redis.Redis:
        return redis.Redis.from_url(self.url(role), ssl_ca_certs=str(self.ca_file))

    def settings(self, **changes: object) -> Settings:
        return Settings(**{"broker": self.url("coordinator"), "ca_file": self.ca_file, **changes})


@pytest.fixture(scope="module")
def secured(tmp_path_factory, require):
    require("a Redis with TLS (redis-server)", shutil.which("redis-server"))
    folder = tmp_path_factory.mktemp("secured")
    certificates = make_certificates(folder, host="localhost", address="127.0.0.1")
    with start_secured_broker(folder, certificates, "127.0.0.1") as port:
        broker = SecuredBroker(port, certificates)
        yield broker


@pytest.fixture
def denied(secured):
    """For tests of what is denied."""
    yield secured
    with secured.client("admin") as admin:
        admin.flushall()
        admin.acl_log_reset()


def test_a_run_needs_no_more_than_the_rights_of_its_roles(secured, new_place, recipe):
    place = new_place(DEEPCHORD_CA_FILE=str(secured.ca_file), DEEPCHORD_STORAGE="broker://")
    worker = place.start("worker", "--name", "one@here", DEEPCHORD_BROKER=secured.url("worker"))
    worker.wait_for(" ready.")
    flower = place.start("flower", DEEPCHORD_BROKER=secured.url("flower"))
    said = flower.wait_for("Flower: ")

    trained = place.run("train", recipe, DEEPCHORD_BROKER=secured.url("coordinator"))
    workers = place.run("workers", DEEPCHORD_BROKER=secured.url("coordinator"))

    assert trained.returncode == 0, trained.stderr
    store = RunStore.open(secured.settings(storage="broker://"))
    assert store.find("last").labels.owner == "coordinator"
    rules = prune_rules(timedelta(0), "none", datetime.now(UTC))
    assert len(plan_prune(survey_storage(store, rules, lambda run: True), rules).runs) == 1
    assert "one@here" in workers.stdout
    address, password = re.search(r"(http://\S+) \(user deepchord, password (\S+)\)", said).groups()
    request = urllib.request.Request(f"{address}/api/tasks")
    request.add_header("Authorization", "Basic " + b64encode(f"deepchord:{password}".encode()).decode())
    wait_until(lambda: TRAIN_MEMBER.encode() in urllib.request.urlopen(request, timeout=30).read(), "Flower's tasks")
    for role in ("coordinator", "worker"):
        found = examine_connectivity(secured.settings(broker=secured.url(role), storage="broker://"))
        assert {finding.what: finding.text for finding in found if finding.state != "ok"} == {}, role
    drained = place.run("drain", "one@here", DEEPCHORD_BROKER=secured.url("coordinator"))
    assert drained.returncode == 0, drained.stderr
    assert worker.ended() == 0
    flower.process.terminate()
    assert flower.ended() == 130
    place.kill_all()
    everything = "\n".join([*worker.out, *worker.err, *flower.err, trained.stdout, trained.stderr, workers.stdout])
    assert "secret-of-" not in everything
    assert secured.client("admin").acl_log() == [], "somebody was denied what a run needs"


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("worker", ("GET", "elsewhere")),
        ("worker", ("HGETALL", f"{KEY_PREFIX}progress:one")),
        ("worker", ("KEYS", "*")),
        ("worker", ("SCAN", "0")),
        ("worker", ("RANDOMKEY",)),
        ("worker", ("FLUSHALL",)),
        ("worker", ("CONFIG", "GET", "*")),
        ("worker", ("ACL", "LIST")),
        ("coordinator", ("GET", "elsewhere")),
        ("coordinator", ("FLUSHALL",)),
        ("coordinator", ("SCAN", "0")),
        ("coordinator", ("RANDOMKEY",)),
        ("coordinator", ("CONFIG", "SET", "maxmemory", "1")),
        ("flower", ("LPUSH", f"{KEY_PREFIX}{QUEUE}", "message")),
        ("flower", ("GET", f"{KEY_PREFIX}storage:runs/one/run.json")),
        ("flower", ("GET", f"{KEY_PREFIX}lease:one:0")),
        ("flower", ("DEL", f"{KEY_PREFIX}{QUEUE}")),
        ("flower", ("DEL", f"{KEY_PREFIX}_kombu.binding.{QUEUE}")),
        ("flower", ("SADD", f"{KEY_PREFIX}_kombu.binding.{QUEUE}", "elsewhere")),
        ("flower", ("SCAN", "0")),
        ("flower", ("RANDOMKEY",)),
    ],
)
def test_a_role_has_no_rights_beyond_its_own(denied, role, command):
    with denied.client(role) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


def test_whoever_coordinates_with_the_rights_of_a_worker_is_told_so(denied, new_place, recipe):
    place = new_place(DEEPCHORD_CA_FILE=str(denied.ca_file))
    submitted = place.run("train", recipe, "--detach", DEEPCHORD_BROKER=denied.url("coordinator"))
    assert submitted.returncode == 0, submitted.stderr

    for command in ("watch", "status", "reconcile"):
        told = place.run(command, "last", DEEPCHORD_BROKER=denied.url("worker"))
        assert told.returncode == 2, told.stdout
        assert "all other commands the coordinator's user" in told.stderr, command


def test_flower_cannot_send_tasks(denied):
    with create_app(denied.settings(broker=denied.url("flower"))) as app, pytest.raises(OperationalError):
        app.send_task(TRAIN_MEMBER, args=[{}], retry=False)

    assert denied.client("admin").llen(f"{KEY_PREFIX}{QUEUE}") == 0


def test_a_wrong_password_is_said_without_it(denied):
    with pytest.raises(BrokerError, match="refuses the user name or password") as caught:
        connect(denied.settings(broker=denied.url("worker", "geheim")))

    assert "geheim" not in str(caught.value)


def test_the_doctor_tells_what_is_wrong_with_the_way_and_with_its_exit_code(denied, new_place):
    place = new_place(DEEPCHORD_CA_FILE=str(denied.ca_file))

    told = place.run("doctor", DEEPCHORD_BROKER=denied.url("worker", "geheim"))

    assert told.returncode == 2
    assert "refuses the user name or password" in told.stdout
    assert "problem: " in told.stdout
    assert "geheim" not in told.stdout + told.stderr


def test_a_certificate_of_an_unknown_authority_is_refused_with_what_to_do(secured):
    with pytest.raises(BrokerError, match=r"certificate .*DEEPCHORD_CA_FILE"):
        connect(secured.settings(ca_file=None))


def test_a_certificate_of_another_authority_is_refused(secured, tmp_path):
    other = make_certificates(tmp_path, host="localhost", address="127.0.0.1") / "ca.crt"

    with pytest.raises(BrokerError, match=r"certificate .*DEEPCHORD_CA_FILE"):
        connect(secured.settings(ca_file=other))


def test_a_certificate_for_another_host_is_refused(require, tmp_path):
    require("a Redis with TLS (redis-server)", shutil.which("redis-server"))
    certificates = make_certificates(tmp_path, host="elsewhere.lan", address="192.0.2.1")

    with start_secured_broker(tmp_path, certificates, "127.0.0.1") as port:
        broker = SecuredBroker(port, certificates)
        with pytest.raises(BrokerError, match="is for another host"):
            connect(broker.settings())


def test_an_expired_certificate_is_refused(require, tmp_path):
    require("a Redis with TLS (redis-server)", shutil.which("redis-server"))
    certificates = make_certificates(tmp_path, host="localhost", address="127.0.0.1")
    sign = "openssl x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -days -1 -copy_extensions copy -out broker.crt"
    subprocess.run(sign.split(), cwd=certificates, check=True, capture_output=True)

    with start_secured_broker(tmp_path, certificates, "127.0.0.1") as port:
        broker = SecuredBroker(port, certificates)
        with pytest.raises(BrokerError, match="has expired"):
            connect(broker.settings())


def test_a_broker_without_tls_is_told_from_one_with(broker_url):
    with pytest.raises(BrokerError, match=r"does not speak TLS|does not answer"):
        connect(Settings(broker=broker_url.replace("redis://", "rediss://")))


def test_a_file_without_certificates_is_refused(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_text("nothing")

    with pytest.raises(ValueError, match=r"expected a file with certificates in PEM, found none in"):
        Settings(ca_file=path)


@pytest.mark.parametrize("command", ["shutdown", "add_consumer", "hello", "revoke"])
def test_workers_do_not_understand_what_could_disturb_them(new_place, broker_url, command):
    place = new_place(DEEPCHORD_BROKER=broker_url)
    worker = place.start("worker", "--name", "one@here")
    worker.wait_for(" ready.")
    with create_app(Settings(broker=broker_url)) as app:
        arguments = {"queue": "x", "task_id": "y", "from_node": "z", "revoked": {"y": 0}}
        app.control.broadcast(command, arguments=arguments, reply=True, timeout=1)
        assert list(app.control.ping(timeout=2)) == [{"one@here": {"ok": "pong"}}]
        assert app.control.inspect(timeout=2).active_queues()["one@here"]
        assert app.control.inspect(timeout=2).revoked() == {"one@here": []}
    assert worker.process.poll() is None
    place.kill_all()
