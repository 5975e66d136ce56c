"""A real HTTP server that gets notices, and answers as well or badly as a test wants."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Receiver:
    """A server on loopback."""

    port: int
    #: The statuses of the next answers; then 204.
    statuses: list[int] = field(default_factory=list)
    #: While it is set, nothing is answered.
    hangs: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/t0p-secret"

    @property
    def events(self) -> list[str]:
        return [request.json["event"] for request in self.requests]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a server for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.requests.append(Request(method="POST", path=self.path, headers=self.headers, body=body))
            if receiver.hangs.is_set():
                receiver.released.wait()
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            try:
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # whoever asked has not waited

        def do_GET(self) -> None:
            receiver.requests.append(Request(method="GET", path=self.path, headers=self.headers, body=b""))
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver = Receiver(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()
