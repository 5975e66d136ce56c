"""A real server in a process of its own, and a real HTTP client."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deepchord.ensemble import Ensemble
from tests.environments import ROOT

TOKEN = "a-token-of-the-tests"


@dataclass
class Served:
    """A server that listens."""

    process: subprocess.Popen[str]
    url: str
    port: int

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, dict[str, Any] | str, dict[str, str]]:
        """Return status, body (decoded if it is JSON) and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = (answer.headers.get("content-type") or "").startswith("application/json")
            return answer.status, json.loads(text) if is_json else text, dict(answer.headers)

    def predict(self, images: Any, query: str = "", **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Ask about images as nested lists."""
        body = json.dumps({"images": images})
        return self.request("POST", f"/predict{query}", body, content_type="application/json", **headers)

    def send(self, data: bytes, query: str = "", kind: str = "image/png") -> tuple[int, Any, dict[str, str]]:
        """Ask about the file of an image."""
        return self.request("POST", f"/predict{query}", data, content_type=kind)


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Served]:
    """Start `deepchord serve` on a free port, and stop it by SIGTERM."""
    command = [sys.executable, "-P", "-m", "deepchord", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving "), (line, process.stderr and process.stderr.read())
        url = line.split()[-1]
        yield Served(process=process, url=url, port=int(url.rstrip("/").rpartition(":")[2]))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def exported(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensemble.to_onnx(tmp_path_factory.mktemp("served") / "halves.onnx")


@pytest.fixture(scope="session")
def served(exported: Path, storage: Path) -> Iterator[Served]:
    """Two ensembles without a token, with small limits."""
    with serving(
        f"halves={exported}",
        f"same={storage / 'runs'}/20260101-000000-beef",
        *("--abstain", "5%", "--max-bytes", "100000", "--max-pixels", "100000", "--max-images", "40"),
    ) as server:
        yield server


@pytest.fixture
def start() -> Callable[..., contextlib.AbstractContextManager[Served]]:
    return serving
