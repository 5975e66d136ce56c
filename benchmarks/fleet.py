"""Large runs: does the time and memory of coordinator, broker and evaluation grow as their number of members does?

1. Runs of members that do nothing, on several worker processes of this machine: seconds and memory for each size,
   with a broker and a coordinator of its own, and the exponent of their growth (1: linear). The coordinator's growth is
   what it takes beyond what it had when all workers were up.
2. The evaluation of stored members, in a process of its own: its memory must not grow with their number. With the
   small network their records are larger than their weights; with the notebook's the weights would show.

    python -m benchmarks.fleet [--sizes 1000 3000 10000] [--workers 8] [--network small|notebook] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import redis

from benchmarks.machine import describe, peak_mib
from benchmarks.overhead import IDLE_WORKER_COMMAND, small, time_run, warm_up
from deepchord.coordinator.local import local_session
from deepchord.shared.datasets import Dataset, Places, find_dataset
from deepchord.shared.settings import Settings, keras_home, load_settings

_SMALL_NETWORK = """
layers = [
  { type = "max_pooling2d", pool_size = 4 },
  { type = "flatten" },
  { type = "dense", units = "classes", activation = "softmax" },
]
"""
_MIB = 2**20


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.evaluate_here:
        print("\n" + json.dumps(_evaluate_here(arguments.evaluate_here)))
        return
    dataset = small(find_dataset("fashion", Places(keras_home=keras_home())))
    with tempfile.TemporaryDirectory() as folder:
        network: dict[str, Any] = {}
        if arguments.network == "small":
            network["architecture"] = str(Path(folder) / "network.toml")
            Path(network["architecture"]).write_text(_SMALL_NETWORK)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
            asked = [
                pool.submit(_measure, Path(folder), dataset, network, size, arguments.workers)
                for size in arguments.sizes
            ]
            runs = [one.result() for one in asked]
    result = {
        "machine": describe("tensorflow", "celery"),
        "network": arguments.network,
        "workers": arguments.workers,
        "runs": runs,
        "exponents": {
            name: _exponent([run["members"] for run in runs], [run[name] for run in runs])
            for name in ("seconds", "coordinator_growth_mib", "broker_peak_mib")
        },
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _measure(folder: Path, dataset: Dataset, network: dict[str, Any], members: int, workers: int) -> dict[str, Any]:
    """Train a run in a storage, with a broker and a coordinator of its own."""
    place = folder / str(members)
    settings = load_settings(storage=str(place / "storage"), state=place / "state", cache=place / "cache")
    with local_session(settings, workers=workers, worker_command=IDLE_WORKER_COMMAND) as session:
        warm_up(session, dataset, workers=workers, **network)
        before = psutil.Process().memory_info().rss
        seconds = time_run(session, dataset, members=members, epochs=1, **network)
        memory = redis.Redis.from_url(str(session.settings.broker)).info("memory")
    evaluation = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", "--evaluate-here", str(place / "storage")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {
        "members": members,
        "seconds": seconds,
        "seconds_per_1000": 1000 * seconds / members,
        "coordinator_mib": psutil.Process().memory_info().rss / _MIB,
        "coordinator_growth_mib": (psutil.Process().memory_info().rss - before) / _MIB,
        "broker_peak_mib": memory["used_memory_peak"] / _MIB,
        "evaluation": json.loads(evaluation.stdout.splitlines()[-1]),
    }


def _evaluate_here(storage: str) -> dict[str, Any]:
    """Evaluate the newest run of a storage once more, with a real engine, in this process."""
    from deepchord.worker.evaluation import Evaluator, evaluate_members, run_candidates
    from deepchord.worker.resources import Resources
    from deepchord.worker.training import member_split

    resources = Resources(Settings(storage=storage, broker="redis://127.0.0.1:9/0", threads=1))
    store = resources.store
    run = store.run(store.run_ids()[-1])
    resources.engine.build(run.architecture.resolve(input_shape=run.dataset.input_shape, classes=10))
    before = peak_mib()
    started = time.monotonic()
    members = (record.member for record in store.records(run.run_id, run.members))
    trained = (member for member in members if member.status == "trained")
    # The idle members' own probabilities are not those of their weights.
    labels = resources.dataset(run.dataset).y_train
    read = run_candidates(store, run, trained, lambda member: member_split(run, member, labels).validation)
    candidates = (replace(one, own_outputs=None) for one in read)
    evaluate_members(
        Evaluator(engine=resources.engine, trainer=resources.trainer),
        resources.dataset(run.dataset),
        candidates,
        run.members,
    )
    return {
        "members": run.members,
        "seconds": time.monotonic() - started,
        "engine_mib": before,
        "growth_mib": peak_mib() - before,
    }


def _exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """Return the slope of a line through the logarithms: 1 is linear growth; None for a single size."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) if len(sizes) > 1 else None


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--network", choices=("small", "notebook"), default="small")
    parser.add_argument("--evaluate-here", metavar="STORAGE", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
