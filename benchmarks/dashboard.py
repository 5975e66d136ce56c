"""The dashboard over a storage of 1,000 runs and 10,000 members: first view, memory, 50 viewers on one core.

The storage is made anew, with records of 25 epochs and evaluations as a run of classes has them. The dashboard is a
process of its own; the clients here only read. A few minutes, most of them for making the storage.

    python -m benchmarks.dashboard [--runs 1000] [--members 10] [--viewers 50] [--storage folder|s3] [--json FILE]
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import describe
from deepchord.shared.messages import AttemptNote, EpochMetrics, MemberRecord, RunSpec, TrainedMember
from deepchord.shared.settings import Settings
from deepchord.shared.storage import ObjectStore, RunStore
from tests.coordinator.dashboard.example_runs import begin
from tests.coordinator.evaluated_run import evaluation_with
from tests.coordinator.followed_run import TRAINER
from tests.records import commit_record
from tests.servers import start_s3_server

_EPOCHS = 25
_UPDATES = 10
_IDLE_S = 10.0


class _QuickFolder:
    """A folder that is written without waiting for the disk: only for making what is then read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, key: str, data: bytes) -> bool:
        """Write."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    replace = create

    def __getattr__(self, name: str) -> Any:
        return getattr(RunStore.open(Settings(storage=str(self._folder))).objects, name)


@dataclass(frozen=True, kw_only=True)
class _Running:
    """A dashboard that listens."""

    process: psutil.Process
    port: int
    start_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--storage", choices=("folder", "s3"), default="folder")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _storage(arguments.storage, Path(name)) as (url, variables):
        os.environ |= variables  # the key of the S3 server, for this process and the dashboard's
        store = RunStore.open(Settings(storage=url))
        live = _fill(store, url, arguments.runs, arguments.members)
        with _dashboard(url) as running:
            found = _measure(running, store, live, arguments.runs, arguments.viewers)
        # Removing the storage takes a while.
        _report(arguments, found)


def _report(arguments: argparse.Namespace, found: dict[str, float]) -> None:
    for key, value in found.items():
        print(f"{key:32} {value:,.3f}", flush=True)
    asked = {name: value for name, value in vars(arguments).items() if name != "json"}
    if arguments.json:
        result = {"machine": describe("starlette", "uvicorn"), **asked, **found}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


@contextmanager
def _storage(kind: str, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    if kind == "folder":
        yield str(folder / "storage"), {}
        return
    server, process = start_s3_server(folder / "s3")
    try:
        yield server.new_storage(), server.variables()
    finally:
        process.terminate()
        process.wait()


def _fill(store: RunStore, url: str, runs: int, members: int) -> RunSpec:
    """Make the storage; return the one run that is not evaluated."""
    quick: ObjectStore = _QuickFolder(Path(url)) if "://" not in url else store.objects  # type: ignore[assignment]  # it has all that is called
    writer = RunStore(quick)
    began = time.monotonic()
    for number in range(runs):
        run = begin(writer, number, members=members, epochs=_EPOCHS)
        is_live = number == runs - 1
        for index in range(0 if is_live else members):
            _commit(writer, run, index)
        if not is_live:
            evaluation = evaluation_with(run, None)
            writer.evaluation(run).commit_result(evaluation, b"npz")
    print(f"made in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return run


def _commit(store: RunStore, run: RunSpec, index: int) -> None:
    from deepchord.coordinator.runs import plan_member

    note = AttemptNote(host="box", worker=f"w{index % 4}@box", process_id=1, started_at=run.created_at)
    attempt = store.member(run.run_id, index).start_attempt(note.encode())
    epoch = EpochMetrics(
        train_loss=0.2071423, train_accuracy=0.92341, validation_loss=0.31, validation_accuracy=0.9, duration_s=37.1
    )
    member = TrainedMember(
        spec=plan_member(run.run_id, run.seed, index),
        attempt=attempt,
        trainer=TRAINER,
        started_at=run.created_at,
        finished_at=run.created_at + timedelta(minutes=9),
        history=(epoch,) * _EPOCHS,
        best_epoch=20,
        weights_sha256="0" * 64,
        probabilities_sha256="0" * 64,
    )
    commit_record(store, MemberRecord(member=member))


@contextmanager
def _dashboard(url: str) -> Iterator[_Running]:
    began = time.monotonic()
    command = [sys.executable, "-m", "deepchord", "dashboard", "--port", "0", "--storage", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101  for the type checker
        port = int(process.stdout.readline().split()[-1].partition("/#")[0].rpartition(":")[2])
        measured = psutil.Process(process.pid)
        if sys.platform == "linux":
            measured.cpu_affinity([min(os.sched_getaffinity(0))])
        try:
            yield _Running(process=measured, port=port, start_s=time.monotonic() - began)
        finally:
            process.terminate()


def _measure(running: _Running, store: RunStore, live: RunSpec, runs: int, viewers: int) -> dict[str, float]:
    found = {"start_s": running.start_s}
    began = time.monotonic()
    for path in ("/", "/files/base.css", "/files/dashboard.css", "/files/main.js", "/session"):
        _get(running.port, path)
    with _events(running.port) as events:
        shown, is_first = 0, True
        for name, data in events:
            if name != "runs":
                continue
            shown += len(data["runs"])
            if is_first and shown >= min(50, runs):
                found["first_view_s"], is_first = time.monotonic() - began, False
            if shown >= runs:
                break
        found["all_runs_s"] = time.monotonic() - began
    began = time.monotonic()
    with _events(running.port) as events:
        next(data for name, data in events if name == "runs")
        found["second_view_s"] = time.monotonic() - began
    found["memory_mib"] = running.process.memory_info().rss / 2**20
    return found | _with_viewers(running, store, live, viewers)


def _with_viewers(running: _Running, store: RunStore, live: RunSpec, viewers: int) -> dict[str, float]:
    """Return how long an update takes to reach all viewers, half of whom look at the run, and what they cost."""
    heard: list[dict[int, float]] = [{} for _ in range(viewers)]
    ready = threading.Barrier(viewers + 1)

    def view(place: int) -> None:
        with _events(running.port, f"?run={live.run_id}" if place % 2 else "") as events:
            ready.wait()
            for name, data in events:
                ended = _ended(name, data, live.run_id)
                if ended is not None:
                    heard[place].setdefault(ended, time.monotonic())
                if len(heard[place]) > 0 and max(heard[place]) >= _UPDATES:
                    return

    threads = [threading.Thread(target=view, args=(place,), daemon=True) for place in range(viewers)]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(3)
    used = sum(running.process.cpu_times()[:2])
    time.sleep(_IDLE_S)
    idle_share = (sum(running.process.cpu_times()[:2]) - used) / _IDLE_S
    written: dict[int, float] = {}
    for index in range(_UPDATES):
        _commit(store, live, index)
        written[index + 1] = time.monotonic()
        time.sleep(2.5)
    for thread in threads:
        thread.join(10)
    delays = [told[number] - at for number, at in written.items() for told in heard if number in told]
    return {
        "update_median_s": statistics.median(delays),
        "update_slowest_s": max(delays),
        "updates_heard": len(delays) / (viewers * _UPDATES),
        "share_of_a_core_while_viewed": idle_share,
        "memory_with_viewers_mib": running.process.memory_info().rss / 2**20,
    }


def _ended(name: str, data: Any, run_id: str) -> int | None:
    """Return how many members of a run have ended, if an event tells that."""
    if name == "run":
        return int(data["ended"])
    lines = data["runs"] if name == "runs" else ()
    return next((int(line["ended"]) for line in lines if line["run_id"] == run_id), None)


def _get(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


@contextmanager
def _events(port: int, query: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request("GET", f"/events{query}")
        response = connection.getresponse()

        def events() -> Iterator[tuple[str, Any]]:
            name = ""
            while line := response.readline().decode():
                if line.startswith("event: "):
                    name = line[7:].strip()
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

        yield events()


if __name__ == "__main__":
    main()
