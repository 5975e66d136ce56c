"""The files of docs/borrowed do what the guide says; SLURM's is run by tests/faults/test_free_machine.py."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import typer.main
import yaml

from deepchord.commands import commands as deepchord
from deepchord.shared.settings import Settings
from tests.docs.documents import ROOT
from tests.waiting import wait_until

FILES = ROOT / "docs" / "borrowed"
#: A worker that notes what it was started with, and that it was told to stop.
WORKER = """#!{python}
import pathlib, signal, sys, time
told = pathlib.Path({told!r})
def stop(*_):
    told.write_text("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
told.write_text(" ".join(sys.argv[1:]))
time.sleep(600)
"""


class Metadata(BaseHTTPRequestHandler):
    """What a provider tells a machine of itself, and from when on it says that the machine is taken back."""

    is_announced = threading.Event()
    asked: list[str]

    def do_PUT(self) -> None:
        self._answer(200, "token")

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers['X-aws-ec2-metadata-token'] or self.headers['Metadata-Flavor']}")
        if self.path.startswith("/computeMetadata/"):
            self._answer(200, "TRUE" if self.is_announced.is_set() else "FALSE")
        else:
            self._answer(200 if self.is_announced.is_set() else 404, "{}")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def metadata() -> Iterator[str]:
    Metadata.is_announced.clear()
    Metadata.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the worker notes that the script starts."""
    told, program = tmp_path / "told", tmp_path / "deepchord"
    program.write_text(WORKER.format(python=sys.executable, told=str(told)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return told


@pytest.mark.parametrize("cloud", ["aws", "gcp", "SIGTERM"])
def test_a_worker_hands_over_when_its_machine_is_taken_back(cloud, metadata, told, monkeypatch, require):
    require("curl", shutil.which("curl"))
    monkeypatch.setenv("CLOUD", "aws" if cloud == "SIGTERM" else cloud)
    monkeypatch.setenv("METADATA", metadata)
    monkeypatch.setenv("LOOK_EVERY_S", "0.05")
    with subprocess.Popen([FILES / "spot-worker.sh", "--until-empty"], stderr=subprocess.PIPE, text=True) as script:
        wait_until(lambda: told.exists() and told.read_text() == "worker --until-empty", "the worker to start")
        wait_until(lambda: len(Metadata.asked) > 2, "some looks")
        (worker,) = (each for each in psutil.Process(script.pid).children() if "deepchord" in " ".join(each.cmdline()))

        if cloud == "SIGTERM":
            script.send_signal(signal.SIGTERM)
        else:
            Metadata.is_announced.set()
        _, said = script.communicate()

    assert script.returncode == 0
    assert told.read_text() == "stopped"
    assert not worker.is_running()
    assert said == ("" if cloud == "SIGTERM" else "This machine is taken back: the worker hands its member over.\n")
    expected = {
        "aws": "/latest/meta-data/spot/instance-action token",
        "gcp": "/computeMetadata/v1/instance/preempted Google",
    }
    assert set(Metadata.asked) == {expected["aws" if cloud == "SIGTERM" else cloud]}


def test_the_service_is_understood_by_systemd(tmp_path, require):
    require("systemd-analyze", shutil.which("systemd-analyze"))
    text = (FILES / "deepchord-worker.service").read_text()
    command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    unit = tmp_path / "deepchord-worker.service"
    unit.write_text(text.replace(command, f"ExecStart={sys.executable}"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    arguments = command.split()[1:]
    context = typer.main.get_command(deepchord).commands["worker"].make_context("worker", arguments[1:])
    assert (arguments[0], context.params["when_idle"], context.params["nice"]) == ("worker", True, 10)


def part(manifest: dict) -> str:
    return manifest["metadata"]["labels"]["part"]


def manifests() -> list[dict]:
    return [each for path in sorted(FILES.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


@pytest.mark.parametrize("manifest", manifests(), ids=part)
def test_a_manifest_starts_a_command_that_exists_in_pods_that_find_each_other(manifest):
    template = manifest["spec"]["template"]
    (container,) = template["spec"]["containers"]
    command, *arguments = container["args"]

    typer.main.get_command(deepchord).commands[command].make_context(command, arguments)

    assert manifest["apiVersion"] == {"Deployment": "apps/v1", "Job": "batch/v1"}[manifest["kind"]]
    if manifest["kind"] == "Deployment":
        assert manifest["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    else:
        assert template["spec"]["restartPolicy"] == "Never"
    if command == "worker":
        assert template["spec"]["terminationGracePeriodSeconds"] > Settings().grace_s
        assert template["spec"]["shareProcessNamespace"] is True
        assert [each["secretRef"]["name"] for each in container["envFrom"]] == ["deepchord"]
    else:
        assert container["envFrom"][-1]["secretRef"]["name"] == "deepchord-coordinator"
    assert container["image"] == f"deepchord:{'tensorflow' if command == 'worker' else 'coordinator'}"
    assert f"AS {container['image'].partition(':')[2]}\n" in (ROOT / "Dockerfile").read_text()
