"""One worker with all cores, next to several that share them: seconds for the same members, and each worker's memory.

python -m benchmarks.scaling [--members 4] [--epochs 1] [--rounds 1] [--json FILE]
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.machine import describe
from benchmarks.overhead import small, time_run, warm_up
from deepchord.coordinator.local import WORKER_COMMAND, local_session
from deepchord.shared.datasets import Dataset, Places, find_dataset
from deepchord.shared.host import usable_cores
from deepchord.shared.settings import Settings, keras_home, load_settings

_MIB = 2**20


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    dataset = find_dataset("fashion", Places(keras_home=keras_home()))
    counts = [count for count in (1, 2, 4, 8) if count <= usable_cores()]
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    memory: dict[int, float | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            storage=f"{folder}/storage", state=Path(folder) / "state", cache=Path(folder) / "cache"
        )
        for _ in range(arguments.rounds):
            for count in counts:
                took, peak = _measure(settings, dataset, count, arguments.members, arguments.epochs)
                seconds[count].append(took)
                memory[count] = None if peak is None else max(peak, memory.get(count) or 0.0)
    one = statistics.median(seconds[1])
    rows = [
        {
            "workers": count,
            "seconds": statistics.median(values),
            "times_one_worker": one / statistics.median(values),
            "peak_mib_of_a_worker": memory[count],
        }
        for count, values in seconds.items()
    ]
    result = {"machine": describe("keras", "tensorflow"), "members": arguments.members, "rows": rows}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _measure(
    settings: Settings, dataset: Dataset, workers: int, members: int, epochs: int
) -> tuple[float, float | None]:
    """Return seconds, and the largest peak memory in MiB of a training process, where Linux tells it."""
    with local_session(settings, workers=workers, worker_command=WORKER_COMMAND) as session:
        warm_up(session, small(dataset), workers=workers)
        seconds = time_run(session, dataset, members=members, epochs=epochs)
        return seconds, _peak()


def _peak() -> float | None:
    """Return the largest resident memory that a process of the workers has ever had, in MiB; None but on Linux."""
    peaks: list[int] = []
    for process in psutil.Process().children(recursive=True):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        except OSError:  # it has just ended
            continue
        peaks += [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks) / _MIB if peaks else None


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
