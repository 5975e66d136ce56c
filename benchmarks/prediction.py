"""Ten members asked about 10,000 images: the exported file, the best engine, and the loop of ten `predict` of Keras.

1. `deepchord.load("model.onnx").predict(images)`, next to what `deepchord evaluate` computes with (the fastest of the
   installed engines on 2,000 images, with so many callers as are fastest) and to the notebook's loop: `predict` of each
   of ten Keras models in its default batches, as anybody would start it. Each in a process of its own that is warm, in
   turns; the probabilities are compared.
2. The command `deepchord predict`: seconds from its start to its end, and peak memory, for an exported file and for a
   run in storage; the same of `import deepchord`. The files that Python compiles are there already, as after any
   installation.

Five minutes, most of them the loop of `predict`.

    python -m benchmarks.prediction [--rounds 7] [--starts 15] [--engines tensorflow torch jax] [--json FILE]
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
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.prediction_ways import predict_here, prepare, product_gflops
from benchmarks.ten_members import IMAGE, MODEL, STORAGE, make_ten_members

_ENGINES = ("tensorflow", "torch", "jax")
_MEMBERS = 10
#: So many images choose the engine.
_FEW = 2000
#: The answers of all ways agree to this.
_TOLERANCE = 1e-5
_FRAMEWORKS = ("keras", *_ENGINES)
#: Loads what it is given, predicts an image, and prints the frameworks that were imported for it.
_IMPORTED = f"""
import sys, deepchord
deepchord.load(sys.argv[1]).predict(sys.argv[2])
print(*(name for name in {_FRAMEWORKS} if name in sys.modules))
"""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_ten_members(folder)
        # First, while this process is small: its children's peaks begin with its own.
        commands = _time_commands(folder, arguments.starts)
        measured = _compare(folder, arguments.engines, arguments.rounds)
    result = {
        "machine": describe("onnxruntime", "keras", *arguments.engines),
        "members": _MEMBERS,
        "rounds": arguments.rounds,
        **measured,
        "starts": arguments.starts,
        "commands": commands,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


# Many images


def _compare(folder: Path, engines: Sequence[str], rounds: int) -> dict[str, Any]:
    """Choose the fastest engine, and let the three ways take turns at all images."""
    pools = {way: _process(folder, way) for way in ("file", "keras", *engines)}
    for ready in [pool.submit(predict_here, 1) for pool in pools.values()]:
        ready.result()
    few = {name: pools[name].submit(predict_here, _FEW).result()[0] for name in engines}
    best = min(few, key=lambda name: few[name])
    for name in engines:
        if name != best:
            pools.pop(name).shutdown()
    ways = {"deepchord": pools["file"], "engine": pools[best], "keras_predict": pools["keras"]}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, NDArray[np.float32]] = {}
    for _ in range(rounds):
        for name, pool in ways.items():
            taken, found[name] = pool.submit(predict_here, None).result()
            seconds[name].append(taken)
    for pool in ways.values():
        pool.shutdown()
    return {"engine": best, "engine_seconds_for_2000_images": few, **_compared(seconds, found)}


def _compared(seconds: dict[str, list[float]], found: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Return times and their ratios, unless the ways do not agree."""
    ours = found.pop("deepchord")
    differences = {name: float(np.abs(ours - theirs).max()) for name, theirs in found.items()}
    if max(differences.values()) > _TOLERANCE:
        sys.exit(f"The ways do not agree: {differences}.")
    summary = {name: _summary(values) for name, values in seconds.items()}
    per_image = {name: 1e6 * values["median"] / len(ours) / _MEMBERS for name, values in summary.items()}
    return {
        "images": len(ours),
        "seconds": summary,
        "us_per_image_and_member": per_image,
        "limit": _limit(per_image["deepchord"]),
        **{
            f"{name}_to_deepchord": {
                each: summary[name][each] / summary["deepchord"][each] for each in ("min", "median")
            }
            for name in found
        },
        "largest_difference": differences,
    }


def _limit(ours_us: float) -> dict[str, Any]:
    """Return what the multiplications alone would take for an image and member, and how many times that we take."""
    from benchmarks.step import FLOP_PER_IMAGE

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        gflops = pool.submit(product_gflops).result()
    limit_us = FLOP_PER_IMAGE / 3 / max(gflops.values()) / 1000  # a step goes forward once and backward twice
    return {"gflops": gflops, "us_per_image_and_member": limit_us, "times_the_limit": ours_us / limit_us}


def _process(folder: Path, way: str) -> ProcessPoolExecutor:
    """Return a process that predicts in one way, and does nothing else."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=prepare, initargs=(folder, way))


# Commands


def _time_commands(folder: Path, starts: int) -> dict[str, Any]:
    """Return what each command takes as a whole process: seconds, and the peak of its memory."""
    model, image, storage = (str(folder / name) for name in (MODEL, IMAGE, STORAGE))
    predict = [sys.executable, "-m", "deepchord", "predict"]
    commands = {
        "predict_file": [*predict, model, image],
        "predict_run": [*predict, "last", image, "--storage", storage],
        "import_deepchord": [sys.executable, "-c", "import deepchord"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for command in commands.values():
        _whole_process(command, environment)
    for _ in range(starts):
        for name, command in commands.items():
            measured[name].append(_whole_process(command, environment))
    loading = {
        name: subprocess.run(
            [sys.executable, "-c", _IMPORTED, source, image], stdout=subprocess.PIPE, check=True, text=True
        )
        for name, source in (("file", model), ("run", storage))
    }
    found: dict[str, Any] = {name: {"seconds": _summary([each for each, _ in both])} for name, both in measured.items()}
    for name in ("predict_file", "predict_run"):
        found[name]["peak_mib"] = max(peak for _, peak in measured[name])
    return found | {"frameworks_imported": {name: done.stdout.split() for name, done in loading.items()}}


def _whole_process(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds from the start of a process to its end, and the most memory that it had, in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} has failed.")
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in _ENGINES if find_spec(name)]
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--engines", nargs="+", choices=_ENGINES, default=installed)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
