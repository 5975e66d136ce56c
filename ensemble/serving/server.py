"""Runs the server until it is told to stop; requests that are at work then are answered first."""

from collections.abc import Callable

from deepchord.ensemble.serving.app import Server
from deepchord.shared.web import run_server

#: So many connections may be open for each request that may be at work.
_CONNECTIONS_PER_REQUEST = 8


def serve(server: Server, address: str, port: int, told: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM comes; see `run_server`."""
    run_server(
        server.application(),
        address,
        port,
        told,
        graceful_s=server.limits.timeout_s,
        max_connections=_CONNECTIONS_PER_REQUEST * server.limits.max_requests,
    )
