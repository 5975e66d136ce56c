"""Runs an ASGI application until a signal comes; requests that are at work then are answered first."""

import ipaddress
import math
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from deepchord.shared.errors import InputError

#: Names by which a browser on this machine calls a server; others may be an attack by a page of somebody else.
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def is_local(address: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def run_server(
    application: Any,
    address: str,
    port: int,
    told: Callable[[str], None],
    *,
    graceful_s: float,
    max_connections: int,
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests until SIGINT or SIGTERM comes.

    Args:
        application: For any ASGI server.
        address: Where to listen.
        port: The port; 0 takes a free one.
        told: Called with the URL of the page when the server listens.
        graceful_s: How long those who have asked may take when the signal comes.
        max_connections: So many may be open at once.
        stopping: Called when the signal comes; it ends answers that would never end by themselves.

    Raises:
        InputError: The port is taken, or the address is none of this machine's.
    """
    import uvicorn  # imported here: an installation may lack it

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            stopping()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who has asked is answered first.
        timeout_graceful_shutdown=math.ceil(graceful_s),
        # The quicker parser takes headers of any size: it is for those on this machine.
        http="auto" if is_local(address) else "h11",
        limit_concurrency=max_connections,
    )
    shown = f"[{address}]" if ":" in address else address
    with _listener(address, port) as listener:
        told(f"http://{shown}:{listener.getsockname()[1]}/")
        Server(config).run(sockets=[listener])


def _listener(address: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"The server cannot listen on {address}, port {port} ({reason}): give another one with --port."
        ) from error
