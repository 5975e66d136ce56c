"""A training step of the notebook's network, next to bare framework loops and what the processor could multiply.

A row's loops run in one process, in turns, several rounds, and the median of each is given: the machine's speed changes
more from minute to minute than the loops differ.

    python -m benchmarks.step [--rounds 7] [--images 6400] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe

#: Multiplications and additions for one image, forward and backward: three times those forward.
FLOP_PER_IMAGE = 3 * 2 * (
    28 * 28 * 9 * (1 * 16 + 16 * 16)
    + 14 * 14 * 9 * (16 * 32 + 32 * 32)
    + 7 * 7 * 9 * (32 * 64 + 64 * 64)
    + 5 * 5 * 9 * 64 * 64
    + 1600 * 128 + 128 * 128 + 128 * 10
)  # fmt: skip
_BARE = {"tensorflow": ("plain_tensorflow", "keras_fit"), "torch": ("plain_torch", "keras_fit"), "jax": ()}
_PRECISIONS = {"tensorflow": ("float32", "bfloat16"), "torch": ("float32", "bfloat16"), "jax": ("float32",)}


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.here:
        print("\n" + json.dumps(_measure_here(*arguments.here, arguments.images, arguments.rounds)))
        return
    cores = int(str(describe()["cores"]))
    rows = []
    for engine in arguments.engines:
        for threads in sorted({1, cores}):
            for precision in _PRECISIONS[engine]:
                for batch_size in arguments.batch_sizes:
                    rows.append(_row(arguments, engine, threads, precision, batch_size))
                    print(json.dumps(rows[-1]), flush=True)
    peaks = {
        f"{threads}-{kind}": gflops
        for threads in sorted({1, cores})
        for kind, gflops in _peaks(arguments, threads).items()
    }
    for row in rows:
        limit_us = FLOP_PER_IMAGE / peaks[f"{row['threads']}-{row['precision']}"] / 1000
        row["limit_us"] = limit_us
        row["times_the_limit"] = row["deepchord_us"] / limit_us
    result = {
        "machine": describe("keras", *arguments.engines),
        "flop_per_image": FLOP_PER_IMAGE,
        "peak_gflops": peaks,
        "rows": rows,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _row(arguments: argparse.Namespace, engine: str, threads: int, precision: str, batch_size: int) -> dict[str, Any]:
    found = _ask(arguments, engine, str(threads), precision, str(batch_size))
    medians = {f"{name}_us": statistics.median(values) for name, values in found.items()}
    row = {"engine": engine, "threads": threads, "precision": precision, "batch_size": batch_size, **medians}
    bare = next((name for name in found if name.startswith("plain")), None)
    if bare:
        # Of each round: what slows the machine down for a while slows both.
        row["times_the_bare_loop"] = statistics.median(
            ours / theirs for ours, theirs in zip(found["deepchord"], found[bare], strict=True)
        )
    return row


def _peaks(arguments: argparse.Namespace, threads: int) -> dict[str, float]:
    return _ask(arguments, "tensorflow", str(threads), "peak", "0")


def _ask(arguments: argparse.Namespace, *what: str) -> dict[str, Any]:
    options = ["--images", str(arguments.images), "--rounds", str(arguments.rounds)]
    command = [sys.executable, "-m", "benchmarks.step", *options, "--here", *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measure_here(
    engine: str, threads: str, precision: str, batch_size: str, images: int, rounds: int
) -> dict[str, Any]:
    """Return microseconds per image of each loop and round, or the peaks in GFLOP/s; runs in a process of its own."""
    from benchmarks import bare_loops
    from worker.engines import open_engine

    opened = open_engine(engine, int(threads))
    if engine == "tensorflow":
        import tensorflow as tf

        # deepchord's own steps need no more, and the bare loops are not to have more.
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    if precision == "peak":
        return {kind: _peak(kind) for kind in ("float32", "bfloat16")}
    size = int(batch_size)
    loops: dict[str, Callable[[Any, Any], None]] = {"deepchord": _ours(opened, precision, size)}
    loops |= {name: getattr(bare_loops, name)(precision, size) for name in _BARE[engine]}
    generator = np.random.default_rng(0)
    pixels = generator.random((images // size * size, 28, 28, 1), dtype=np.float32)
    labels = generator.integers(0, 10, len(pixels))
    for loop in loops.values():
        loop(pixels[: 3 * size], labels[: 3 * size])
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            started = time.perf_counter()
            loop(pixels, labels)
            found[name].append(1e6 * (time.perf_counter() - started) / len(pixels))
    return found


def _ours(engine: Any, precision: str, batch_size: int) -> Callable[[Any, Any], None]:
    from shared.messages import Recipe
    from shared.networks import notebook_architecture
    from worker.initialization import initial_weights
    from worker.pipeline import batches_in_order

    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    recipe = Recipe.model_validate(
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
    network = engine.build(architecture, recipe)
    network.set_weights(initial_weights(architecture, 0))

    def loop(images: Any, labels: Any) -> None:
        batches = batches_in_order(images, labels, batch_size, recipe.learning_rate)
        network.train_epoch(batches, dropout_seed=0, on_batch=_ignore)

    return loop


def _peak(kind: str, size: int = 2048, times: int = 8) -> float:
    """Return the GFLOP/s of the fastest of several products of two square matrices."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((size, size)), kind)
    best = 0.0
    for _ in range(times):
        started = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def _ignore(batch: int) -> None:
    """Nobody watches."""


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--engines", nargs="+", default=["tensorflow", "torch", "jax"])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128])
    parser.add_argument("--here", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
