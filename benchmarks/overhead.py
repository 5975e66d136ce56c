"""A whole ensemble next to the notebook's own loop, and what surrounds a member.

1. Members through one worker that is started already, next to the same members in one plain Keras process
   (`benchmarks.plain_keras`), one after the other in the same run: as anybody would start it, and with oneDNN, which
   TensorFlow leaves out by itself on processors without AVX-512.
2. Dispatch and bookkeeping of a member that does nothing.

    python -m benchmarks.overhead [--engine tensorflow] [--members 3] [--epochs 4] [--rounds 1] [--idle 200] [--json F]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import describe
from deepchord.coordinator.local import WORKER_COMMAND, LocalSession, local_session
from deepchord.coordinator.monitoring import raise_if_failed, watch_run
from deepchord.coordinator.runs import plan_architecture, plan_request, plan_run, submit
from deepchord.shared.datasets import Dataset, Places, encode_dataset, find_dataset, publish_dataset
from deepchord.shared.host import KERAS3_BACKENDS
from deepchord.shared.process import command_for
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings, keras_home, load_settings
from deepchord.shared.storage import RunStore

IDLE_WORKER_COMMAND = tuple(command_for("benchmarks.idle_worker:run"))


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    dataset = find_dataset("fashion", Places(keras_home=keras_home()))
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            engine=arguments.engine,
            storage=f"{folder}/storage",
            state=Path(folder) / "state",
            cache=Path(folder) / "cache",
        )
        result = {
            "machine": describe("keras", arguments.engine, "celery"),
            "ensemble": _compare_ensembles(settings, dataset, arguments, Path(folder) / "fashion.npz"),
            "idle_member": _time_idle_members(settings, dataset, arguments.idle),
        }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _compare_ensembles(
    settings: Settings, dataset: Dataset, arguments: argparse.Namespace, copy: Path
) -> dict[str, object]:
    copy.write_bytes(encode_dataset(dataset))
    ours: list[float] = []
    variants: dict[str, dict[str, str]] = {"plain_keras_s": {}}
    if arguments.engine == "tensorflow":
        variants["plain_keras_with_onednn_s"] = {"TF_ENABLE_ONEDNN_OPTS": "1"}
    plain: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(arguments.rounds):
        for name, variables in variants.items():
            asked = {"KERAS_BACKEND": arguments.engine, **variables}
            plain[name].append(time_plain(copy, arguments.members, arguments.epochs, **asked)[0])
        with local_session(settings, workers=1, worker_command=WORKER_COMMAND) as session:
            warm_up(session, small(dataset), workers=1)
            ours.append(time_run(session, dataset, members=arguments.members, epochs=arguments.epochs))
    return {
        "members": arguments.members,
        "epochs": arguments.epochs,
        "deepchord_s": ours,
        **plain,
        **{
            name.replace("plain", "times_as_fast_as_plain").removesuffix("_s"): statistics.median(
                other / our for our, other in zip(ours, others, strict=True)
            )
            for name, others in plain.items()
        },
    }


def _time_idle_members(settings: Settings, dataset: Dataset, members: int) -> dict[str, object]:
    few = small(dataset)
    with local_session(settings, workers=1, worker_command=IDLE_WORKER_COMMAND) as session:
        warm_up(session, few, workers=1)
        seconds = time_run(session, few, members=members, epochs=1)
    return {"members": members, "seconds": seconds, "ms_per_member": 1000 * seconds / members}


def time_run(session: LocalSession, dataset: Dataset, **options: object) -> float:
    """Return the seconds from the submission of a run, with these options of a recipe, to its evaluation."""
    store = RunStore.open(session.settings)
    request = plan_request(None, {"preset": "quick", "seed": 1, **options})
    architecture = plan_architecture(request, dataset.x_train.shape[1:], len(dataset.class_names))
    run = plan_run(request, architecture, publish_dataset(dataset, store), max_attempts=3)
    started = time.monotonic()
    submit(create_app(session.settings), store, run)
    for view in watch_run(session.settings, store, run, session.check):
        last = view
    raise_if_failed(last)
    return time.monotonic() - started


def warm_up(session: LocalSession, dataset: Dataset, *, workers: int, **options: object) -> None:
    """Train members until each worker has had one: it is up then, and has its engine."""
    store, seen = RunStore.open(session.settings), set[str]()
    before = store.run_ids()
    while len(seen) < workers:
        time_run(session, dataset, members=2 * workers, **{"epochs": 1, **options})
        for run_id in store.run_ids(excluding=before):
            seen |= {store.member(run_id, index).attempt_note(1).worker for index in range(2 * workers)}


def time_plain(dataset: Path, members: int, epochs: int, **variables: str) -> tuple[float, float]:
    """Return the seconds and the test accuracy of the members in one plain Keras process that is ready already."""
    command = [sys.executable, "-m", "benchmarks.plain_keras", str(dataset), str(members), str(epochs)]
    # The whole environment, as anybody's would be; TensorFlow reads what is added when it is imported.
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  both are pipes
        while process.stdout.readline().strip() != "ready":
            if process.poll() is not None:
                sys.exit("The plain Keras process ended before it was ready.")
        process.stdin.write("go\n")
        process.stdin.flush()
        result = json.loads(process.stdout.readline())
    return result["seconds"], result["test_accuracy"]


def small(dataset: Dataset, size: int = 100) -> Dataset:
    """Return the first images of a data set, with made-up labels of all classes."""
    rows = slice(0, size)
    return Dataset(
        name="small",
        x_train=np.array(dataset.x_train[rows]),
        y_train=np.arange(size) % len(dataset.class_names),
        x_test=np.array(dataset.x_test[rows]),
        y_test=np.arange(size) % len(dataset.class_names),
        class_names=dataset.class_names,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=KERAS3_BACKENDS, default="tensorflow")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
