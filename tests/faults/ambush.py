"""A TCP proxy in front of the broker that strikes at the moment when certain bytes are on their way to a client."""

import contextlib
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit


class Ambush:
    """Passes everything on, until `text` comes from the broker: then `strike` is called and the bytes are kept back."""

    def __init__(self, url: str, text: bytes, strike: Callable[[], None]) -> None:
        self._target = urlsplit(url)
        self._text = text
        self._strike = strike
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = self._target._replace(netloc=f":{self._target.password}@127.0.0.1:{self._port}").geturl()
        self.struck = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def _port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection((self._target.hostname, self._target.port))
                for source, sink, watched in ((client, broker, False), (broker, client, True)):
                    threading.Thread(target=self._pass_on, args=(source, sink, watched), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        seen = b""
        with contextlib.suppress(OSError), source, sink:
            while data := source.recv(1 << 16):
                seen = seen[-len(self._text) :] + data
                if watched and self._text in seen and not self.struck.is_set():
                    self._strike()
                    self.struck.set()
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
