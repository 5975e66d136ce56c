"""A real headless Chromium, spoken to through its DevTools protocol; a plugin of pytest."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PHONE = (390, 844)
DESKTOP = (1280, 900)
#: A4 without its margins, in pixels.
PAPER = (718, 1047)

#: Chromium reads commands from file descriptor 3 and answers on 4; Popen cannot give it these two by itself.
_LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_ANSWER_S = 60


class Browser:
    """A headless Chromium spoken to through the DevTools protocol, over a pipe: no driver, no port."""

    def __init__(self, executable: str, profile: Path) -> None:
        command_reader, self._commands = os.pipe()
        self._answers, answer_writer = os.pipe()
        launch = [sys.executable, "-c", _LAUNCHER]
        # Moved to numbers far from 3 and 4, so that the launcher overwrites neither.
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (command_reader, answer_writer)]
        self._process = subprocess.Popen(
            [*launch, *map(str, fds), executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=fds,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for fd in (command_reader, answer_writer, *fds):
            os.close(fd)
        self._sent = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a command."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path | str, size: tuple[int, int], scheme: str, media: str = "screen") -> None:
        """Load a page, a file or a URL, and wait until all of it is there, the pictures further down as well."""
        width, height = size
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri() if isinstance(page, Path) else page)
        self.evaluate(
            """(async () => {
                if (document.readyState !== "complete")
                    await new Promise((done) => addEventListener("load", done, { once: true }));
                for (const image of document.images) image.loading = "eager";
                await Promise.allSettled([...document.images].map((image) => image.decode()));
            })()"""
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        """Return what the console and the log said and what threw, since the page was opened."""
        loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed")
        return [event for event in self.events if event.get("method") in loud]

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, since it was opened, data URIs aside."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [url for event in asked if not (url := event["params"]["request"]["url"]).startswith("data:")]

    def close(self) -> None:
        """End Chromium and all its children, by their process group, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _ANSWER_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._answers, 1 << 16) if ready else b""
            assert data, f"Chromium did not answer within {_ANSWER_S} s; exit status {self._process.poll()}"
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        message = "There is no Chromium on this machine: install the package `chromium`."
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    found = Browser(executable, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
