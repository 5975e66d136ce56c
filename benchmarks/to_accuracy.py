"""Wall time to the notebook's ensemble accuracy: presets through `deepchord train`, and the notebook's own loop.

A preset's time is that of the whole command, from its start to its report; the loop's begins when it has its images in
memory, and it predicts in large batches, both to its advantage. What was measured before is kept in the file, so that
long ways can be measured one at a time; ratios are only worth something between ways that ran on the same machine with
nothing beside them.

    python -m benchmarks.to_accuracy [--ways fast notebook serial] [--seed 1] --json FILE
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.overhead import time_plain
from deepchord.coordinator.runs import PRESETS
from deepchord.shared.datasets import Places, encode_dataset, find_dataset
from deepchord.shared.messages import EnsembleEvaluation
from deepchord.shared.settings import keras_home, load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.devices import tune

#: Of the notebook's ensemble, on the test images.
_NOTEBOOK_ACCURACY = 0.9355
#: The notebook's: ten members of at most 25 epochs.
_SERIAL = (10, 25)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    result: dict[str, Any] = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    for way in arguments.ways:
        with tempfile.TemporaryDirectory() as folder:
            measured = _serial(Path(folder)) if way == "serial" else _preset(way, arguments.seed, Path(folder))
        reached = measured["test_accuracy"] >= _NOTEBOOK_ACCURACY
        when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        result[way] = {"measured_at": when, "machine": describe("keras", "tensorflow"), **measured, "reached": reached}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def _preset(preset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Run a preset as anybody would, on a machine that was measured before."""
    chosen = tune(load_settings(), print).best(PRESETS[preset]["members"])
    variables = {
        "DEEPCHORD_STORAGE": str(folder / "storage"),
        "DEEPCHORD_CACHE": str(folder / "cache"),
        "DEEPCHORD_WORKERS": str(chosen.workers),
        "DEEPCHORD_THREADS": str(chosen.threads),
    }
    command = [sys.executable, "-m", "deepchord", "train", "--preset", preset, "--seed", str(seed), "--local"]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--out", str(folder / "out")], env={**os.environ, **variables}, stdout=subprocess.PIPE, check=False
    )
    seconds = time.monotonic() - started
    if done.returncode:
        sys.exit(done.stdout.decode())
    store = RunStore.open(load_settings(storage=str(folder / "storage")))
    (run_id,) = store.run_ids()
    run = store.run(run_id)
    evaluation = store.last_evaluation(run)[1]
    assert isinstance(evaluation, EnsembleEvaluation)  # noqa: S101  the data set has classes
    members = [record.member for record in store.records(run_id, run.members)]
    return {
        "seed": seed,
        "workers": chosen.workers,
        "threads": chosen.threads,
        "seconds": seconds,
        "evaluation_seconds": evaluation.duration_s,
        "test_accuracy": evaluation.test.accuracy,
        "mean_member_accuracy": evaluation.mean_member_accuracy,
        "members": len(members),
        "epochs": sum(len(member.history) for member in members if member.status == "trained"),
        "precision": sorted({member.precision for member in members if member.status == "trained"}),
    }


def _serial(folder: Path) -> dict[str, Any]:
    copy = folder / "fashion.npz"
    copy.write_bytes(encode_dataset(find_dataset("fashion", Places(keras_home=keras_home()))))
    seconds, accuracy = time_plain(copy, *_SERIAL)
    return {"seconds": seconds, "test_accuracy": accuracy, "members": _SERIAL[0]}


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", default=["fast", "notebook", "serial"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
