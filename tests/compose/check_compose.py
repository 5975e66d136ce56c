"""Brings the stack of docker-compose.yml up, trains on two workers, kills one on the way, and takes it all down.

A table and a prediction go the same way. The same with its profiles: storage in its own S3 server, an ensemble that is
served, and a PlaidML worker on a host without any device.

`make compose-test` runs it; it needs a Docker engine and the base image of the Dockerfile.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

import deepchord
from deepchord.shared.datasets.named import DEBIAN_FASHION
from deepchord.shared.files import read_idx
from tests.gates import Gate
from tests.places import RECIPE
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
#: The first test waits until all images are built, which takes a quarter of an hour on a busy machine.
pytestmark = pytest.mark.timeout(3600)
#: Options of `docker build`, for machines whose containers reach the network in a way of their own.
BUILD_OPTIONS = os.environ.get("DOCKER_BUILD_OPTIONS", "").split()
_PATIENCE_S = 300.0
#: The rows of a table, which two lengths tell apart.
_FLOWERS = [
    f"{number % 2 + number / 500:.3f},{number / 7:.3f},{'small' if number % 2 else 'large'}\n" for number in range(120)
]
#: Read beside docker-compose.yml: the gate of the tests' workers, see tests/gates.py.
_GATED_WORKERS = f"""
services:
  worker:
    environment:
      PYTHONPATH: /inside
      TESTS_INSIDE: gate
      TESTS_GATE: /gate
    volumes:
      - {ROOT}/tests/inside:/inside:ro
      - ./gate:/gate
"""


def docker(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)


class Stack:
    """The stack, under a project name of its own."""

    def __init__(self, folder: Path, command: list[str], **variables: str) -> None:
        self.folder = folder
        self.gate = Gate(folder / "gate")
        self._command = [*command, "-p", f"deepchord-test-{secrets.token_hex(3)}"]
        self.broker_port, self.flower_port, self.serve_port = free_ports(3)
        self.password, self.token = secrets.token_hex(12), secrets.token_hex(12)
        self._environment = {
            # Not what tests of this machine are told: the stack has places of its own.
            **{name: value for name, value in os.environ.items() if not name.startswith("DEEPCHORD_")},
            **{f"BROKER_{role}_PASSWORD": secrets.token_hex(12) for role in ("COORDINATOR", "WORKER", "FLOWER")},
            "DEEPCHORD_FLOWER_PASSWORD": self.password,
            "DEEPCHORD_BROKER_PORT": str(self.broker_port),
            "DEEPCHORD_FLOWER_PORT": str(self.flower_port),
            "DEEPCHORD_SERVE_TOKEN": self.token,
            "DEEPCHORD_SERVE_PORT": str(self.serve_port),
            "DEEPCHORD_UID": "1000",
            "DEEPCHORD_HOST": "box1",
            "DEEPCHORD_RESULTS_ON_HOST": str(folder / "results"),
            "DEEPCHORD_THREADS": "1",
            **variables,
        }

    def secret(self, role: str) -> str:
        """Return what a role says to the broker."""
        return self._environment[f"BROKER_{role.upper()}_PASSWORD"]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def coordinator(self, *arguments: str) -> str:
        return self.run("run", "--rm", "-T", "-v", f"{self.folder / 'recipe'}:/recipe:ro", "coordinator", *arguments)

    def containers(self, service: str) -> list[str]:
        return self.run("ps", "-q", service).split()

    def health(self, container: str) -> str:
        return docker("inspect", "--format", "{{.State.Health.Status}}", container).stdout.strip()

    def fleet(self) -> list[dict[str, object]]:
        return json.loads(self.coordinator("workers", "--json"))

    def flower(self, path: str, password: str | None) -> int:
        user = None if password is None else b64encode(f"deepchord:{password}".encode()).decode()
        return _status(f"http://127.0.0.1:{self.flower_port}{path}", user and f"Basic {user}")

    def served(self, path: str, token: str | None) -> int:
        return _status(f"http://127.0.0.1:{self.serve_port}{path}", token and f"Bearer {token}")

    def wait_until(self, what, why: str) -> None:
        last = time.monotonic() + _PATIENCE_S
        while not what():
            assert time.monotonic() < last, f"waited in vain for {why}:\n{self.run('logs', '--tail', '40')}"
            time.sleep(1)


def _status(url: str, authorization: str | None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="module")
def compose() -> list[str]:
    """The command, once all images are built."""
    if docker("info").returncode != 0:
        pytest.exit("`make compose-test` needs a Docker engine that answers `docker info`; none does.", returncode=2)
    has_plugin = docker("compose", "version").returncode == 0
    if not has_plugin and shutil.which("docker-compose") is None:
        pytest.exit("`make compose-test` needs docker compose (or docker-compose); it is not installed.", returncode=2)
    for target in ("coordinator", "tensorflow", "plaidml", "s3"):
        built = docker("build", *BUILD_OPTIONS, "--target", target, "--tag", f"deepchord:{target}", str(ROOT))
        if built.returncode != 0:
            pytest.exit(f"The image {target} could not be built:\n{built.stdout[-2000:]}{built.stderr}", returncode=2)
    return ["docker", "compose"] if has_plugin else ["docker-compose"]


@contextmanager
def prepared(folder: Path, compose: list[str], network: str, **variables: str) -> Iterator[Stack]:
    """A stack that is not up yet; whatever comes up is taken down at the end."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    (folder / "docker-compose.override.yml").write_text(_GATED_WORKERS)
    for name in ("results", "gate", "gate/held"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    folder.chmod(0o755)
    _write_recipe(folder / "recipe", network)
    stack = Stack(folder, compose, **variables)
    try:
        yield stack
    finally:
        stack.run("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="module")
def stack(tmp_path_factory, compose, network) -> Iterator[Stack]:
    with prepared(tmp_path_factory.mktemp("compose"), compose, network) as stack:
        stack.run("up", "--detach", "--no-build", "--scale", "worker=2")
        yield stack


def _write_recipe(folder: Path, network: str) -> None:
    folder.mkdir()
    arrays = {
        f"{kind}_{part}": read_idx(DEBIAN_FASHION / f"{prefix}-{name}-ubyte")[:size]
        for part, prefix, size in (("train", "train", 800), ("test", "t10k", 300))
        for kind, name in (("x", "images-idx3"), ("y", "labels-idx1"))
    }
    np.savez(folder / "clothes.npz", **arrays)
    (folder / "network.toml").write_text(network)
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "flowers.csv").write_text("".join(["length,width,kind\n", *_FLOWERS]))


def test_a_run_is_trained_by_scaled_workers_one_of_which_is_killed(stack):
    stack.wait_until(lambda: len(stack.fleet()) == 2, "two workers")
    assert {line["host"] for line in stack.fleet()} == {"box1"}
    stack.gate.hold(after=1)
    submitted = stack.coordinator("train", "--detach", "/recipe/recipe.toml", "--members", "4")
    run_id = submitted.split()[1]
    stack.wait_until(lambda: sum(bool(line["epochs_done"]) for line in stack.fleet()) == 2, "both at work")

    docker("kill", stack.containers("worker")[0])
    stack.gate.open()

    assert "Ensemble test accuracy" in stack.coordinator("watch", run_id)
    results = stack.folder / "results" / run_id
    assert f"Report:  file://{results}/index.html" in stack.coordinator("collect", run_id)
    assert (results / "index.html").exists()
    assert len(list(results.glob("best_weights_*.hdf5"))) == 4
    assert json.loads((results / "evaluation.json").read_text())["trained"] == 4


def test_a_table_is_looked_at_trained_predicted_and_exported(stack):
    results = stack.folder / "results"

    assert "Nothing suspicious was found." in stack.coordinator("data", "/recipe/flowers.csv")
    options = ["--members", "2", "--epochs", "2", "--out", "/results/flowers"]
    assert "is evaluated" in stack.coordinator("train", "--dataset", "/recipe/flowers.csv", *options)
    stack.coordinator("predict", "last", "/recipe/flowers.csv", "--out", "/results/predictions.parquet")
    stack.coordinator("export", "last", "--out", "/results/flowers.onnx")

    assert (results / "flowers" / "index.html").exists()
    assert pyarrow.parquet.read_table(results / "predictions.parquet").num_rows == len(_FLOWERS)
    assert deepchord.load(results / "flowers.onnx").class_names == ("large", "small")


def test_results_that_the_containers_user_may_not_write_are_refused_with_the_remedy_on_the_host(stack):
    results = stack.folder / "results"
    results.chmod(0o755)

    try:
        with pytest.raises(AssertionError, match=f"`sudo chown 1000:1000 {results}`"):
            stack.coordinator("train", "/recipe/recipe.toml")
    finally:
        results.chmod(0o777)


def test_the_containers_say_that_they_are_well(stack):
    stack.wait_until(lambda: stack.health(stack.containers("broker")[0]) == "healthy", "the broker's health")
    stack.wait_until(
        lambda: any(stack.health(worker) == "healthy" for worker in stack.containers("worker")), "a worker's health"
    )
    stack.wait_until(lambda: stack.health(stack.containers("reconcile")[0]) == "healthy", "the reconciler's health")


def test_nothing_listens_beyond_loopback_and_flower_asks_for_its_password(stack):
    names = [
        docker("inspect", "--format", "{{.Name}}", one).stdout.strip("/\n") for one in stack.run("ps", "-q").split()
    ]
    published = "".join(docker("ps", "--filter", f"name={name}", "--format", "{{.Ports}}").stdout for name in names)
    assert f"127.0.0.1:{stack.broker_port}->6379" in published
    assert f"127.0.0.1:{stack.flower_port}->5555" in published
    assert "0.0.0.0:" not in published
    assert stack.flower("/", None) == 401
    assert stack.flower("/", stack.password) == 200
    assert stack.flower("/", "wrong") == 401


def test_a_worker_and_flower_know_no_more_secrets_than_they_need(stack):
    own = {"worker": {"worker"}, "flower": {"flower"}, "reconcile": {"coordinator"}}
    for service, roles in own.items():
        environment = docker("exec", stack.containers(service)[-1], "env").stdout
        known = {role for role in ("coordinator", "worker", "flower") if stack.secret(role) in environment}
        assert known == roles, service
    assert "AWS_" not in docker("exec", stack.containers("flower")[-1], "env").stdout


def test_the_way_from_the_coordinator_is_as_it_should_be(stack):
    assert "problem:" not in stack.coordinator("doctor")


def test_containers_have_no_rights(stack):
    for service in ("broker", "worker", "reconcile", "flower"):
        user = docker("exec", stack.containers(service)[-1], "python", "-c", "import os; print(os.getuid())")
        assert user.stdout.strip() == "1000", service


def test_a_worker_that_still_loads_stops_when_it_is_told(stack):
    container = stack.run("run", "--detach", "--no-deps", "worker").split()[-1]

    docker("stop", container)

    ended = docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip()
    docker("rm", container)
    # 137: it was killed when its 90 seconds were over.
    assert ended == "143"


@pytest.fixture
def s3_stack(tmp_path, compose, network) -> Iterator[Stack]:
    variables = {
        "COMPOSE_PROFILES": "s3",
        "DEEPCHORD_STORAGE": "s3://ensembles/runs",
        "AWS_ENDPOINT_URL": "http://s3:8333",
        "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
    }
    with prepared(tmp_path, compose, network, **variables) as stack:
        yield stack


def test_a_run_is_kept_in_the_stacks_own_s3_server_even_when_that_is_started_anew(s3_stack):
    s3_stack.run("up", "--detach", "--no-build", "--scale", "worker=2")
    s3_stack.wait_until(lambda: len(s3_stack.fleet()) == 2, "two workers")

    assert "problem:" not in s3_stack.coordinator("doctor")
    assert "is evaluated" in s3_stack.coordinator("train", "/recipe/recipe.toml")
    (server,) = s3_stack.containers("s3")
    s3_stack.run("restart", "s3")
    s3_stack.wait_until(lambda: s3_stack.health(server) == "healthy", "the storage")

    assert "evaluated" in s3_stack.coordinator("runs")
    assert docker("exec", server, "id", "-u").stdout.strip() == "1000"
    assert "->" not in docker("ps", "--filter", f"id={server}", "--format", "{{.Ports}}").stdout
    storage = docker("exec", s3_stack.containers("worker")[0], "ls", "/storage")
    assert storage.stdout == ""


def test_without_a_key_the_s3_server_serves_nobody_and_says_so(tmp_path, compose, network):
    with prepared(tmp_path, compose, network, COMPOSE_PROFILES="s3") as stack:
        stack.run("up", "--detach", "--no-build", "--no-deps", "s3")
        stack.wait_until(lambda: "put them into .env" in stack.run("logs", "s3"), "the reason")
        assert "weed" not in docker("top", stack.containers("s3")[0]).stdout


def test_the_last_ensemble_is_served_as_soon_as_there_is_one(tmp_path, compose, network):
    with prepared(tmp_path, compose, network, COMPOSE_PROFILES="serve") as stack:
        stack.run("up", "--detach", "--no-build", "serve")
        (server,) = stack.run("ps", "-q").split()
        stack.wait_until(lambda: "There are no runs" in stack.run("logs", "serve"), "the reason")
        stack.run("up", "--detach", "--no-build")
        run_id = stack.coordinator("train", "--detach", "/recipe/recipe.toml").split()[1]
        stack.coordinator("watch", run_id)

        stack.wait_until(lambda: stack.health(server) == "healthy", "the server's health")

        assert f"Serving {run_id}" in stack.run("logs", "serve")
        assert [stack.served("/models", token) for token in (None, "wrong", stack.token)] == [401, 401, 200]
        assert docker("port", server).stdout.split() == ["8080/tcp", "->", f"127.0.0.1:{stack.serve_port}"]
        environment = docker("exec", server, "env").stdout
        assert "DEEPCHORD_BROKER" not in environment
        assert not any(stack.secret(role) in environment for role in ("coordinator", "worker", "flower"))
        assert "Read-only file system" in docker("exec", server, "touch", "/storage/it").stderr


def test_without_a_token_nothing_is_served(tmp_path, compose, network):
    with prepared(tmp_path, compose, network, DEEPCHORD_SERVE_TOKEN="", COMPOSE_PROFILES="serve") as stack:
        stack.run("up", "--detach", "--no-build", "serve")
        stack.wait_until(lambda: "set DEEPCHORD_SERVE_TOKEN" in stack.run("logs", "serve"), "the reason")


def test_a_plaidml_worker_without_any_device_is_not_started(tmp_path, compose, network):
    if Path("/dev/dri").exists():
        pytest.skip("this host has a device")
    with prepared(tmp_path, compose, network) as stack, pytest.raises(AssertionError, match="/dev/dri"):
        stack.run("--profile", "plaidml", "up", "--detach", "--no-build", "--no-deps", "worker-plaidml")


def test_a_plaidml_worker_whose_device_no_driver_knows_says_so(tmp_path, compose, network):
    with prepared(tmp_path, compose, network, COMPOSE_PROFILES="plaidml") as stack:
        file = tmp_path / "docker-compose.yml"
        file.write_text(file.read_text().replace("/dev/dri:/dev/dri", "/dev/null:/dev/dri/renderD128"))
        stack.run("up", "--detach", "--no-build", "worker-plaidml")
        stack.wait_until(lambda: "No GPU is ready" in stack.run("logs", "worker-plaidml"), "the reason")
