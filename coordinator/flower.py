"""Flower on this machine's loopback, through deepchord's own Celery settings; any other way would requeue our tasks."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from shared.broker import connect
from shared.errors import InputError
from shared.settings import Settings

_USER = "deepchord"
_STOP_WITHIN_S = 5.0


@dataclass(frozen=True, kw_only=True)
class FlowerProcess:
    """A running Flower."""

    #: Its page, and the user and password made up for it.
    address: str
    process: subprocess.Popen[bytes]

    def wait(self) -> int:
        """Wait until it ends; return its exit code."""
        return self.process.wait()


@contextmanager
def running_flower(settings: Settings, environment: Mapping[str, str] | None = None) -> Iterator[FlowerProcess]:
    """Run Flower for the length of a block, read-only, on loopback, behind a password made up for it.

    Args:
        settings: Broker and port; port 0 takes a free one.
        environment: Of the session that it belongs to; None: as the settings say.

    Raises:
        InputError: Flower is not installed, or the port is taken.
        BrokerError: The broker does not answer.
    """
    if find_spec("flower") is None:
        raise InputError("Flower is not installed in this environment: pip install 'deepchord[flower]'.")
    connect(settings).close()
    port = _checked_port(settings.flower_port)
    password = secrets.token_urlsafe(9)
    variables = {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": f"{_USER}:{password}",
        "FLOWER_READ_ONLY": "true",
        "FLOWER_STATE_SAVE_INTERVAL": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _START],
        env={**(environment or settings.environment()), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield FlowerProcess(address=f"http://127.0.0.1:{port} (user {_USER}, password {password})", process=process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


#: Not `celery -A worker.app`, which looks for a folder `worker` in the current one first.
_START = "from worker.app import app; app.start(['flower'])"


def _checked_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(
                f"Flower's port {port} is taken: give another with --port or DEEPCHORD_FLOWER_PORT."
            ) from error
        return int(probe.getsockname()[1])
