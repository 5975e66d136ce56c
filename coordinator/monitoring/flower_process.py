"""Runs Flower on this machine with deepchord's own Celery settings; with others Flower would requeue our tasks."""

import base64
import http.client
import os
import secrets
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from typing import IO, NoReturn

from deepchord.coordinator.local import becomes_true
from deepchord.shared.broker import connect
from deepchord.shared.errors import DeepchordError, InputError
from deepchord.shared.host import how_to_install
from deepchord.shared.process import READABLE_OUTPUT, command_for
from deepchord.shared.settings import Settings, load_settings

_USER = "deepchord"
_STARTS_WITHIN_S = 60.0
_STOP_WITHIN_S = 5.0
_PAGE_WITHIN_S = 10.0
#: The environment may name a proxy, which cannot reach this machine's loopback.
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class FlowerProcess:
    """A running Flower."""

    #: Its URL, its user, and the password that was drawn for it, for people to read.
    address: str
    process: subprocess.Popen[bytes]
    #: Its stderr.
    log: IO[bytes]

    def wait(self) -> NoReturn:
        """Wait until Flower ends by itself, then raise `DeepchordError` with the reason."""
        self.process.wait()
        raise DeepchordError(_ending(self.process, self.log))


@contextmanager
def running_flower(settings: Settings, environment: Mapping[str, str] | None = None) -> Iterator[FlowerProcess]:
    """Run Flower for the length of a block, read-only and with a password; on loopback unless the settings differ.

    Args:
        settings: Broker, address and port; port 0 takes a free one.
        environment: The environment of the session that Flower belongs to; None: that of the settings.

    Raises:
        InputError: Flower is not installed, does not start, or the port is taken.
        BrokerError: The broker does not answer.
    """
    if find_spec("flower") is None:
        raise InputError(f"Flower is not installed in this environment: {how_to_install('flower')}.")
    connect(settings).close()
    port = _checked_port(settings.flower_address, settings.flower_port)
    password = settings.flower_password or secrets.token_urlsafe(9)
    shown = password if settings.flower_password is None else "as in DEEPCHORD_FLOWER_PASSWORD"
    path = f"/{settings.flower_prefix}/" if settings.flower_prefix else ""
    page = f"http://{settings.flower_address}:{port}{path}"
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command_for(serve),
            env={**(environment or settings.environment()), **_variables(settings, port, password), **READABLE_OUTPUT},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_until_it_answers(process, page, password, log)
            address = f"{page} (user {_USER}, password {shown})"
            yield FlowerProcess(address=address, process=process, log=log)
        finally:
            _stop(process)


def _variables(settings: Settings, port: int, password: str) -> dict[str, str]:
    """Return the environment variables that configure Flower."""
    return {
        # Flower would run a configuration file in the current folder as Python code.
        "FLOWER_CONF": os.devnull,
        "FLOWER_ADDRESS": settings.flower_address,
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": f"{_USER}:{password}",
        "FLOWER_READ_ONLY": "true",
        "FLOWER_STATE_SAVE_INTERVAL": "0",
        **({"FLOWER_URL_PREFIX": settings.flower_prefix} if settings.flower_prefix else {}),
    }


def _wait_until_it_answers(process: subprocess.Popen[bytes], page: str, password: str, log: IO[bytes]) -> None:
    url = page.replace("//0.0.0.0:", "//127.0.0.1:")  # 0.0.0.0 stands for all addresses, and is none to connect to
    answers = becomes_true(lambda: process.poll() is not None or _is_shown(url, password), _STARTS_WITHIN_S)
    if not answers:
        raise InputError(f"Flower does not show its page at {page} within {_STARTS_WITHIN_S:.0f} s.")
    if process.poll() is not None:
        raise InputError(_ending(process, log))


def _ending(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return f"Flower ended with exit code {process.returncode}: {lines[-1]}."


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()


def serve() -> None:
    """Run Flower in this process, which `running_flower` starts.

    `celery -A deepchord.worker.app flower` would look for modules in the current folder first, and would requeue the
    tasks of lost workers, as a worker does.
    """
    from deepchord.shared.queue import create_app

    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    create_app(load_settings()).start(["flower"])


def _exit_at_end_of_input() -> None:
    """End this process when its parent ends, also if the parent was killed: then the pipe to it is closed."""
    os.read(0, 1)
    os._exit(0)


def _checked_port(address: str, port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InputError(
                f"Flower's port {port} is taken, or {address} is no address of this machine ({error.strerror}): "
                "give another one with DEEPCHORD_FLOWER_PORT, or with `deepchord flower --port`."
            ) from error
        return int(probe.getsockname()[1])


def _is_shown(page: str, password: str) -> bool:
    """Return whether the page is shown with the password, and refused without it."""
    return _status(page, password) == HTTPStatus.OK and _status(page, None) == HTTPStatus.UNAUTHORIZED


def _status(page: str, password: str | None) -> int | None:
    request = urllib.request.Request(page)  # noqa: S310  an http address made above
    if password is not None:
        credentials = base64.b64encode(f"{_USER}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    try:
        with _WITHOUT_PROXY.open(request, timeout=_PAGE_WITHIN_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, http.client.HTTPException):
        return None
