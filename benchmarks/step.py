"""A training step of the notebook's network, next to bare framework loops and what the processor could multiply.

A row's loops run in one process, in turns, several rounds, and the median of each is given: the machine's speed changes
more from minute to minute than the loops differ. Rows of several processes are of deepchord alone, with a thread each,
all at the same time, as workers that share a machine or its GPU.

    python -m benchmarks.step [--engines tensorflow torch jax] [--rounds 7] [--images 6400] [--json FILE]
    python -m benchmarks.step --device gpu --engines torch jax --images 64000
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np

from benchmarks.machine import describe
from deepchord.shared.host import KERAS3_BACKENDS, installed_engines, usable_cores
from deepchord.shared.messages import Recipe
from deepchord.shared.network import notebook_architecture
from deepchord.worker.engines import Engine, open_engine
from deepchord.worker.training import batches_in_order, initial_weights

#: Multiplications and additions for one image, forward and backward: three times those forward.
FLOP_PER_IMAGE = 3 * 2 * (
    28 * 28 * 9 * (1 * 16 + 16 * 16)
    + 14 * 14 * 9 * (16 * 32 + 32 * 32)
    + 7 * 7 * 9 * (32 * 64 + 64 * 64)
    + 5 * 5 * 9 * 64 * 64
    + 1600 * 128 + 128 * 128 + 128 * 10
)  # fmt: skip
_BARE = {name: (f"plain_{name}", "keras_fit") for name in KERAS3_BACKENDS}
_PRECISIONS = ("float32", "bfloat16")
#: Of the matrices that tell how fast a device multiplies: rows, and how often.
_PEAKS = {"cpu": (2048, 8), "gpu": (8192, 8)}
#: What a process says that has compiled all it needs.
_WARM = "warm\n"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.here:
        measure = _prepare(arguments, *arguments.here)
        print("\n" + _WARM, end="", flush=True)
        sys.stdin.readline()
        print("\n" + json.dumps(measure()))
        return
    cores = usable_cores()
    on_processor = arguments.device == "cpu"
    shares = {(1, 1), (1, cores), (cores, 1)} if on_processor else {(count, 1) for count in arguments.processes}
    # TensorFlow finds the limits of a processor; a GPU is as fast whoever asks, and however many do.
    finds_limits = on_processor and importlib.util.find_spec("tensorflow") is not None
    measures = "tensorflow" if finds_limits else arguments.engines[0]
    asking = {processes * threads if on_processor else 1 for processes, threads in shares}
    result: dict[str, Any] = {
        "machine": describe("keras", *arguments.engines),
        "device": arguments.device,
        "flop_per_image": FLOP_PER_IMAGE,
        "peak_gflops": {str(threads): _ask(arguments, measures, threads, "peak")[0] for threads in sorted(asking)},
        "rows": [],
    }
    for engine, size in product(arguments.engines, arguments.batch_sizes):
        for processes, threads in sorted(shares):
            for precision in arguments.precisions:
                row = _row(arguments, engine, processes, threads, precision, size)
                if row is None:
                    continue
                peak = result["peak_gflops"][str(processes * threads if on_processor else 1)]
                limit_us = FLOP_PER_IMAGE / peak[precision] / 1000
                row |= {"limit_us": limit_us, "times_the_limit": row["deepchord_us"] / limit_us}
                result["rows"].append(row)
                print(json.dumps(row), flush=True)
                if arguments.json:
                    arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _row(
    arguments: argparse.Namespace, engine: str, processes: int, threads: int, precision: str, batch_size: int
) -> dict[str, Any] | None:
    """Return microseconds per image, of all processes together; None if the engine does not train in the precision."""
    answers = _ask(arguments, engine, threads, precision, batch_size, processes=processes)
    row: dict[str, Any] = {"engine": engine, "processes": processes, "threads": threads}
    row |= {"precision": precision, "batch_size": batch_size}
    if not all(answers):
        return None
    if processes > 1:
        return row | {"deepchord_us": 1 / sum(1 / statistics.median(found["deepchord"]) for found in answers)}
    (found,) = answers
    row |= {f"{name}_us": statistics.median(values) for name, values in found.items()}
    bare = next((name for name in found if name.startswith("plain")), None)
    if bare:
        # Of each round: what slows the machine down for a while slows both.
        row["times_the_bare_loop"] = statistics.median(
            ours / theirs for ours, theirs in zip(found["deepchord"], found[bare], strict=True)
        )
    return row


def _ask(
    arguments: argparse.Namespace, engine: str, threads: int, what: str, batch_size: int = 0, processes: int = 1
) -> list[dict[str, Any]]:
    """Return what each of so many processes measures, all at the same time: none begins before all are warm."""
    loops = "all" if processes == 1 else "deepchord"
    options = ["--images", str(arguments.images), "--rounds", str(arguments.rounds), "--device", arguments.device]
    options += ["--precisions", *arguments.precisions, "--here", engine, str(threads), what, str(batch_size), loops]
    command = [sys.executable, "-m", "benchmarks.step", *options]
    with ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(processes)]
        asked = [
            stack.enter_context(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=error, text=True))
            for error in errors
        ]
        for one in asked:
            while (line := one.stdout.readline() if one.stdout else "") and line != _WARM:
                pass
        for one in asked:
            # One that has ended is told of below.
            with suppress(BrokenPipeError):
                if one.stdin:
                    one.stdin.write("\n")
                    one.stdin.flush()
        answers = [one.communicate()[0] for one in asked]
        for one, error in zip(asked, errors, strict=True):
            if one.returncode:
                error.seek(0)
                sys.exit(f"{engine} ended with exit code {one.returncode}: {error.read()}")
    return [dict(json.loads(stdout.splitlines()[-1])) for stdout in answers]


def _prepare(
    arguments: argparse.Namespace, engine: str, threads: str, precision: str, batch_size: str, which: str
) -> Callable[[], dict[str, Any]]:
    """Return what tells microseconds per image of each loop and round, or the peaks in GFLOP/s, in this process.

    It tells nothing if the engine trains in another precision here.
    """
    from benchmarks import bare_loops

    opened = open_engine(engine, int(threads), arguments.device)
    if engine == "tensorflow":
        import tensorflow as tf

        # deepchord's own steps need no more, and the bare loops are not to have more.
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    if precision == "peak":
        multiply = getattr(bare_loops, f"{engine}_product")
        return lambda: {kind: _peak(multiply, kind, *_PEAKS[arguments.device]) for kind in arguments.precisions}
    size = int(batch_size)
    recipe = _recipe(precision, size)
    if opened.precision(recipe) != precision:
        return dict
    loops: dict[str, Callable[[Any, Any], None]] = {"deepchord": _ours(opened, recipe)}
    if which == "all":
        loops |= {name: getattr(bare_loops, name)(precision, size) for name in _BARE[engine]}
    generator = np.random.default_rng(0)
    pixels = generator.random((arguments.images // size * size, 28, 28, 1), dtype=np.float32)
    labels = generator.integers(0, 10, len(pixels))
    for loop in loops.values():  # compiles all that it needs, for whole batches and several in a call
        loop(pixels, labels)
    found: dict[str, list[float]] = {name: [] for name in loops}

    def measure() -> dict[str, list[float]]:
        for _ in range(arguments.rounds):
            for name, loop in loops.items():
                started = time.perf_counter()
                loop(pixels, labels)
                found[name].append(1e6 * (time.perf_counter() - started) / len(pixels))
        return found

    return measure


def _recipe(precision: str, batch_size: int) -> Recipe:
    return Recipe.model_validate(
        {
            "optimizer": "nadam",
            "learning_rate": 0.002,
            "batch_size": batch_size,
            "epochs": 1,
            "validation_fraction": 0.2,
            "patience": 1,
            "precision": precision,
        }
    )


def _ours(engine: Engine, recipe: Recipe) -> Callable[[Any, Any], None]:
    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    network = engine.build(architecture, recipe)
    network.set_weights(initial_weights(architecture, 0))

    def loop(images: Any, labels: Any) -> None:
        batches = batches_in_order(images, labels, recipe.batch_size, recipe.learning_rate)
        network.train_epoch(batches, dropout_seed=0, on_batch=lambda _: None)

    return loop


def _peak(multiply: Callable[[str, int], Callable[[], None]], kind: str, size: int, times: int) -> float:
    """Return the GFLOP/s of the fastest of several products of two square matrices."""
    product_of_two = multiply(kind, size)
    product_of_two()
    best = 0.0
    for _ in range(times):
        started = time.perf_counter()
        product_of_two()
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=6400)
    installed = [name for name in installed_engines() if name in KERAS3_BACKENDS]
    parser.add_argument("--engines", nargs="+", choices=KERAS3_BACKENDS, default=installed)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=_PRECISIONS, default=_PRECISIONS)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4], help="that share a GPU")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128])
    parser.add_argument("--here", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
