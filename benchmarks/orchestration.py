"""What surrounds a member, next to Ray Tune and Dask: seconds for each that does nothing, and for each real tiny one.

All have two workers and as many members of each kind. Those of deepchord and Dask are started before the clock is;
Ray Tune starts a process for each trial, or, as `ray_reusing`, one for several. A tiny member trains a small network
on 1,400 images of digits for two epochs, in Keras, in whatever process the tool gives it.

    python -m benchmarks.orchestration [--idle 100] [--tiny 20] [--peers PYTHON] [--json FILE]

`--peers` names a Python that has `ray[tune]`, `dask[distributed]`, Keras and TensorFlow: deepchord's own with the extra
`bench`, or another.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.machine import describe
from benchmarks.overhead import IDLE_WORKER_COMMAND, time_run, warm_up
from deepchord.coordinator.local import WORKER_COMMAND, local_session
from deepchord.shared.datasets import Dataset
from deepchord.shared.settings import load_settings

_WORKERS = 2
_NETWORK = [
    {"type": "conv2d", "filters": 8},
    {"type": "flatten"},
    {"type": "dense", "units": "classes", "activation": "softmax"},
]
_RECIPE: dict[str, Any] = {"epochs": 2, "batch_size": 64, "layers": _NETWORK}
_PEERS = Path(__file__).with_name("orchestration_peers.py")


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    dataset = _digits()
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {
            "machine": describe("keras", "tensorflow", "celery"),
            "workers": _WORKERS,
        }
        for kind, command in (("idle", IDLE_WORKER_COMMAND), ("tiny", WORKER_COMMAND)):
            members = getattr(arguments, kind)
            result[kind] = {"members": members, "deepchord": _ours(folder, command, dataset, members)}
        data = Path(folder) / "digits.npz"
        np.savez(data, x=dataset.x_train, y=dataset.y_train)
        for tool in ("ray", "ray_reusing", "dask"):
            for kind in ("idle", "tiny"):
                members = getattr(arguments, kind)
                found = _peer(arguments.peers, tool, kind, members, data)
                if found is None:
                    break
                result[kind][tool] = found["seconds"] / members
                result["machine"][_package(tool)] = found["version"]
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _ours(folder: str, command: Sequence[str], dataset: Dataset, members: int) -> float:
    """Return seconds per member, from submission to evaluation."""
    settings = load_settings(
        storage=f"{folder}/storage", state=Path(folder) / "state", cache=Path(folder) / "cache", threads=1
    )
    with local_session(settings, workers=_WORKERS, worker_command=command) as session:
        warm_up(session, dataset, workers=_WORKERS, **_RECIPE)
        return time_run(session, dataset, members=members, **_RECIPE) / members


def _peer(python: str, tool: str, kind: str, members: int, data: Path) -> dict[str, Any] | None:
    """Return seconds and version; None, and a sentence, if that Python does not have the tool."""
    package = _package(tool)
    if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode:
        sys.stderr.write(f"{python} has no {package}: install .[bench] there, or give --peers.\n")
        return None
    command = [python, str(_PEERS), tool, kind, str(members), str(_WORKERS), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _package(tool: str) -> str:
    return tool.partition("_")[0]


def _digits() -> Dataset:
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)
    scramble: Callable[[int], np.ndarray] = np.random.default_rng(0).permutation
    order = scramble(len(pixels))
    pixels, labels = pixels[order], labels[order].astype(np.int64)
    return Dataset(
        name="digits",
        x_train=pixels[:1400],
        y_train=labels[:1400],
        x_test=pixels[1400:],
        y_test=labels[1400:],
        class_names=tuple(str(digit) for digit in range(10)),
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--tiny", type=int, default=20)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
