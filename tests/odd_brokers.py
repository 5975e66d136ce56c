"""Real brokers in states in which they answer and are of no use."""

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.ports import free_ports
from tests.servers import make_certificates


@dataclass
class OddBrokers:
    """Starts servers, each with a folder of its own, and ends them all."""

    folder: Path
    _servers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *options: object) -> int:
        """Start a server with options that go before the usual ones; return its port once it answers anything."""
        (port,) = free_ports(1)
        return self._start(port, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", self._folder(), *options)

    def sentinel_of(self, primary: int) -> int:
        """Start a Sentinel that watches a server; return its port."""
        (port,) = free_ports(1)
        folder = self._folder()
        configuration = folder / "sentinel.conf"
        watched = f"sentinel monitor main 127.0.0.1 {primary} 1"
        configuration.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n{watched}\n")
        return self._start(port, configuration, "--sentinel")

    def cluster(self, *options: object) -> int:
        """Start a server that is a whole cluster alone; return its port."""
        port = self.start("--cluster-enabled", "yes", *options)
        with redis.Redis(port=port) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                time.sleep(0.02)
        return port

    def without_a_disk(self) -> int:
        """Start a server whose folder is gone, so that its last snapshot failed; return its port."""
        folder = self._folder()
        port = self.start("--save", "3600 1", "--dir", folder)
        with redis.Redis(port=port) as client:
            client.set("something", "to save")
            folder.rmdir()
            client.bgsave()
            while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
                time.sleep(0.02)
        return port

    def with_tls(self) -> int:
        """Start a server that speaks TLS only; return its port."""
        made = make_certificates(self._folder(), host="localhost", address="127.0.0.1")
        (port,) = free_ports(1)
        files = ("--tls-cert-file", made / "broker.crt", "--tls-key-file", made / "broker.key")
        trusted = ("--tls-ca-cert-file", made / "ca.crt", "--tls-auth-clients", "no")
        return self._start(port, "--port", 0, "--tls-port", port, "--save", "", *files, *trusted)

    def stop(self) -> None:
        """End them all."""
        for server in self._servers:
            server.kill()
            server.wait()

    def _folder(self) -> Path:
        folder = self.folder / f"{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return folder

    def _start(self, port: int, *arguments: object) -> int:
        log = self._folder() / "log"
        command = [shutil.which("redis-server") or "redis-server", *map(str, arguments)]
        with log.open("wb") as output:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._servers.append(server)
        while not _says_anything(port):
            assert server.poll() is None, log.read_text()
            time.sleep(0.02)
        return port


def _says_anything(port: int) -> bool:
    try:
        with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
    except redis.ConnectionError as error:
        return "refused" not in str(error)
    except redis.ResponseError:
        return True
    return True
