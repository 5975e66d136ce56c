"""A real dashboard in a process of its own, and a real HTTP client."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.dashboard.example_runs import fill
from tests.environments import ROOT

TOKEN = "a-token-of-the-tests"


@dataclass
class Events:
    """An open stream of server-sent events."""

    response: http.client.HTTPResponse

    def next(self, *names: str) -> tuple[str, Any]:
        """Return the next event, or the next of these names, with its data."""
        name = ""
        while True:
            line = self.response.readline().decode()
            assert line, "the stream ended"
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: ") and (not names or name in names):
                return name, json.loads(line[6:])

    def until(self, name: str, is_wanted: Callable[[Any], object]) -> Any:
        """Return the data of the first event of a name that is wanted."""
        while not is_wanted(data := self.next(name)[1]):
            pass
        return data


@dataclass
class Shown:
    """A dashboard that listens."""

    process: subprocess.Popen[str]
    #: With the token in it, if that was made up.
    address: str

    @property
    def url(self) -> str:
        return self.address.partition("#")[0]

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def token(self) -> str:
        return self.address.partition("#token=")[2] or TOKEN

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, body (decoded if it is JSON) and headers of an answer."""
        with contextlib.closing(self._connect()) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = (answer.headers.get("content-type") or "").startswith("application/json")
            return answer.status, json.loads(text) if is_json else text, dict(answer.headers)

    def act(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Act with the token, as a script does; return status and answer."""
        given = {"authorization": f"Bearer {self.token}", **headers}
        return self.request("POST", path, json.dumps(body), **given)[:2]

    @contextlib.contextmanager
    def events(self, query: str = "", **headers: str) -> Iterator[Events]:
        """Open a stream of events."""
        with contextlib.closing(self._connect()) as connection:
            connection.request("GET", f"/events{query}", headers=headers)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            yield Events(response)

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


@contextlib.contextmanager
def dashboard(storage: Path | str, *arguments: str, **environment: str) -> Iterator[Shown]:
    """Start `deepchord dashboard` on a free port, and stop it by SIGTERM."""
    command = [sys.executable, "-P", "-m", "deepchord", "dashboard", "--port", "0", "--storage", str(storage)]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Dashboard: "), (line, process.stderr and process.stderr.read())
        yield Shown(process=process, address=line.split()[-1])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with a run of each kind."""
    folder = tmp_path_factory.mktemp("shown") / "storage"
    fill(folder)
    return folder


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
