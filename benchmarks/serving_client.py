"""Clients of an HTTP server, each of which asks again when it has its answer; and a server that does nothing.

Requests are written as they are, and answers kept as they come: clients share the processor with the server.

    python -m benchmarks.serving_client PORT     # the server that does nothing
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
#: A server that takes longer for an answer is broken.
_LONGEST_S = 60
#: As long as an answer of an ensemble.
_NOTHING = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 600\r\n\r\n" + b" " * 600


@dataclass(frozen=True, kw_only=True)
class Load:
    """What all clients have got together."""

    #: From the first request to the last answer.
    seconds: float
    #: Seconds from each request to the end of its answer.
    latencies: Sequence[float]
    #: The body of each answer, by the index of its request.
    answers: Sequence[tuple[int, bytes]]


def ask(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Let clients send requests for some seconds, and wait for all answers.

    Args:
        port: Of the server on this machine.
        requests: Whole requests of HTTP/1.1; each client takes every so many-th, again and again.
        clients: How many there are; each has a connection that stays open.
        seconds: No client sends a request later.

    Raises:
        RuntimeError: An answer has another status than 200.
        ConnectionError: The server has closed a connection, or is not there.
        TimeoutError: The server does not answer.
    """
    return uvloop.run(_ask(port, requests, clients, seconds))


def answer_nothing(port: int) -> None:
    """Answer each request with nothing, as fast as this loop can: shows how many requests the clients could send."""
    uvloop.run(_answer_nothing(port))


@dataclass(kw_only=True)
class _Round:
    """What clients share while they ask."""

    requests: Sequence[bytes]
    clients: int
    until: float
    latencies: list[float] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)


class _Receiver(asyncio.Protocol):
    """Collects what comes until a message is complete."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._wanted = self._body = 0

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            head, is_whole, _ = self._received.partition(_END_OF_HEAD)
            if not is_whole:
                return
            lines = head.lower().split(b"\r\n")
            self._body = len(head) + len(_END_OF_HEAD)
            self._wanted = self._body + sum(int(line[len(_LENGTH) :]) for line in lines if line.startswith(_LENGTH))
        if len(self._received) >= self._wanted:
            message, body = self._received, self._body
            self._received, self._wanted = b"", 0
            self.message_received(message, body)

    def message_received(self, message: bytes, body: int, /) -> None:
        """Take a message whose body begins at an index."""
        raise NotImplementedError


class _Client(_Receiver):
    def __init__(self, turn: _Round, number: int, done: "asyncio.Future[None]") -> None:
        super().__init__()
        self._turn, self._number, self._done = turn, number, done
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self.transport.write(self._turn.requests[self._number])

    def message_received(self, message: bytes, body: int, /) -> None:
        now = time.perf_counter()
        if message.split(maxsplit=2)[1] != b"200":
            self._end(RuntimeError(message.decode("latin-1")))
            return
        self._turn.latencies.append(now - self._began)
        self._turn.answers.append((self._number, message[body:]))
        self._number = (self._number + self._turn.clients) % len(self._turn.requests)
        if now < self._turn.until:
            self._send()
        else:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(ConnectionError(f"The server has closed a connection: {error}."))

    def _end(self, error: Exception | None = None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
        self.transport.close()


async def _ask(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    turn = _Round(requests=requests, clients=clients, until=began + seconds)
    done: list[asyncio.Future[None]] = [loop.create_future() for _ in range(clients)]
    for number, ended in enumerate(done):
        client = _Client(turn, number % len(requests), ended)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]  # mypy does not infer the default
    async with asyncio.timeout(seconds + _LONGEST_S):
        await asyncio.gather(*done)
    return Load(seconds=time.perf_counter() - began, latencies=turn.latencies, answers=turn.answers)


class _Nothing(_Receiver):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def message_received(self, _: bytes, _body: int, /) -> None:
        self.transport.write(_NOTHING)


async def _answer_nothing(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Nothing, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    answer_nothing(int(sys.argv[1]))
