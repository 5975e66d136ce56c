"""Runs the server until it is told to stop; requests that are at work then are answered first."""

import ipaddress
import math
import socket
from collections.abc import Callable

import uvicorn

from deepchord.ensemble.serving.app import Server
from deepchord.shared.errors import InputError

#: So many connections may be open for each request that may be at work.
_CONNECTIONS_PER_REQUEST = 8


def is_local(address: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def serve(server: Server, address: str, port: int, told: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM comes.

    Args:
        server: What answers.
        address: Where to listen.
        port: The port; 0 takes a free one.
        told: Called with the URL of the page when the server listens.

    Raises:
        InputError: The port is taken, or the address is none of this machine's.
    """
    try:
        listener = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=2048
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"The server cannot listen on {address}, port {port} ({reason}): give another one with --port."
        ) from error
    config = uvicorn.Config(
        server.application(),
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who has asked is answered first.
        timeout_graceful_shutdown=math.ceil(server.limits.timeout_s),
        # The quicker parser takes headers of any size: it is for those on this machine.
        http="auto" if is_local(address) else "h11",
        limit_concurrency=_CONNECTIONS_PER_REQUEST * server.limits.max_requests,
    )
    shown = f"[{address}]" if ":" in address else address
    with listener:
        told(f"http://{shown}:{listener.getsockname()[1]}/")
        uvicorn.Server(config).run(sockets=[listener])
