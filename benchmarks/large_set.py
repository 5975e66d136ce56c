"""A data set that is larger than memory, next to one in memory: images per second of the same network.

A set of synthetic images is written to `.npy` files, a piece at a time. Then one command publishes it, trains a member
for an epoch, evaluates it and writes the report, with broker and worker, all of them together limited to so much memory
by a control group of Linux (which takes root's rights). Before and after it the same command trains on a set of the
same images that is small enough to be kept in memory, without a limit. The network is small, so that reading matters.

    python -m benchmarks.large_set [--gib 8] [--limit-gib 2] [--engine tensorflow] [--folder F] [--json FILE]

With `--without-training` no engine takes part: one process publishes, fetches and makes the batches of an epoch, in
their random order, and then all images in order, as an evaluation takes them. That shows what the disk can feed.

The folder needs three times the size of the set, for the files, storage and cache; all of it is removed at the end.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe, peak_mib
from deepchord.shared.datasets import Places, all_findings, find_dataset, load_dataset, publish_dataset
from deepchord.shared.files import read_in_order
from deepchord.shared.host import KERAS3_BACKENDS
from deepchord.shared.images import scaled
from deepchord.shared.messages import EnsembleEvaluation, MemberSeeds, Recipe, TrainedMember
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.evaluation import chunks
from deepchord.worker.training import EpochBatches, TrainingImages

_SHAPE, _CLASSES = (64, 64, 3), 10
_IMAGE_BYTES = int(np.prod(_SHAPE))
#: As many as are kept in memory: 256 MiB.
_SMALL_IMAGES, _SMALL_EPOCHS = 20_000, 3
_TEST_SHARE = 0.02
_PIECE_IMAGES = 4096
_RECIPE = """
preset = "quick"
members = 1
seed = 1
batch_size = 128
optimizer = "adam"
learning_rate = 0.001
patience = 100

[[layers]]
type = "conv2d"
filters = 16
kernel_size = 5
strides = 4
activation = "relu"

[[layers]]
type = "max_pooling2d"

[[layers]]
type = "conv2d"
filters = 32
kernel_size = 3
activation = "relu"

[[layers]]
type = "flatten"

[[layers]]
type = "dense"
units = "classes"
activation = "softmax"
"""
_HOW = Recipe(optimizer="adam", learning_rate=0.001, batch_size=128, epochs=1, validation_fraction=0.2, patience=1)
_SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)
_GROUPS = Path("/sys/fs/cgroup")
_LOOK_EVERY_S = 0.5


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.read:
        print(json.dumps(_read(arguments.read)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        (folder / "recipe.toml").write_text(_RECIPE)
        measured: Callable[..., dict[str, Any]] = partial(_trained, engine=arguments.engine)
        if arguments.without_training:
            measured = _only_read
        small = _write_set(folder / "small", _SMALL_IMAGES)
        before = measured(folder, small, epochs=_SMALL_EPOCHS)
        large = _write_set(folder / "large", int(arguments.gib * 2**30) // _IMAGE_BYTES)
        with _limited(int(arguments.limit_gib * 2**30)) as (enter, seen):
            limited = measured(folder, large, epochs=1, enter=enter)
        after = measured(folder, small, epochs=_SMALL_EPOCHS)
    in_memory = median([before["images_per_s"], after["images_per_s"]])
    result = {
        "machine": describe("keras", arguments.engine, "celery"),
        "load_at_end": os.getloadavg(),
        "image_shape": _SHAPE,
        "set_gib": arguments.gib,
        "limit_gib": arguments.limit_gib,
        "in_memory_before": before,
        "limited": {**limited, **seen},
        "in_memory_after": after,
        "share_of_images_per_s_in_memory": limited["images_per_s"] / in_memory,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _write_set(folder: Path, images: int) -> Path:
    """Write images of random values, of which each class has a bright stripe of its own; one piece is in memory."""
    folder.mkdir()
    generator = np.random.default_rng(images)
    for part, size in (("test", max(1000, int(_TEST_SHARE * images))), ("train", images)):
        labels = np.arange(size) % _CLASSES
        np.save(folder / f"y_{part}.npy", labels)
        with (folder / f"x_{part}.npy").open("wb") as file:
            layout = {"descr": "|u1", "fortran_order": False, "shape": (size, *_SHAPE)}
            np.lib.format.write_array_header_1_0(file, layout)
            for start in range(0, size, _PIECE_IMAGES):
                of_piece = labels[start : start + _PIECE_IMAGES]
                pixels = generator.integers(0, 200, (len(of_piece), *_SHAPE), dtype=np.uint8)
                for index in range(_CLASSES):
                    pixels[of_piece == index, 6 * index : 6 * index + 6] += 40
                file.write(pixels.data)
            # Otherwise they would be read from the memory of this process, which has no limit.
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return folder


def _only_read(folder: Path, dataset: Path, epochs: int, enter: Sequence[str] = ()) -> dict[str, Any]:
    """Return how long it takes to publish, to fetch and to read a data set; see `_read`."""
    del folder, epochs
    command = [*enter, sys.executable, "-m", "benchmarks.large_set", "--read", str(dataset)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _read(folder: Path) -> dict[str, Any]:
    """Publish, fetch and read a data set in this process; return the seconds of each."""
    seconds: dict[str, Any] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started, busy = time.monotonic(), time.process_time()
        yield
        seconds[f"{name}_s"] = time.monotonic() - started
        seconds[f"{name}_processor_s"] = time.process_time() - busy

    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        store = RunStore.open(load_settings(storage=str(place / "storage")))
        with timed("examining"):
            given = find_dataset(str(folder), Places(keras_home=place))
            given = replace(given, findings=all_findings(given))
        with timed("publishing"):
            info = publish_dataset(given, store)
        with timed("fetching"):
            dataset = load_dataset(info, store, place / "cache")
        with timed("epoch"):
            images = TrainingImages(dataset=dataset, indices=np.arange(info.train_size), labels=dataset.y_train)
            made = sum(len(batch.images) for batch in EpochBatches(images, _HOW, _SEEDS, 1))
        with timed("in_order"):
            read_in_order(dataset.x_train)
            for part in chunks(info.train_size, info.input_shape):
                scaled(dataset.x_train[part])
    return {
        "train_images": made,
        "in_shards": info.in_shards,
        **seconds,
        "images_per_s": made / seconds["epoch_s"],
        "images_in_order_per_s": made / seconds["in_order_s"],
        "peak_resident_with_maps_mib": peak_mib(),
    }


def _trained(folder: Path, dataset: Path, *, engine: str, epochs: int, enter: Sequence[str] = ()) -> dict[str, Any]:
    """Train, evaluate and report in one command; return how long what took. Storage and cache are removed."""
    place = folder / "run"
    settings = load_settings(
        engine=engine, storage=str(place / "storage"), cache=place / "cache", state=place / "state"
    )
    command = [*enter, sys.executable, "-m", "deepchord", "train", str(folder / "recipe.toml")]
    options = ["--dataset", str(dataset), "--epochs", str(epochs), "--workers", "1", "--out", str(place / "results")]
    started, busy = time.monotonic(), _processor_s()
    ended = subprocess.run(
        [*command, *options], env=settings.environment(), capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    cores = (_processor_s() - busy) / seconds
    if ended.returncode:
        sys.exit(f"{' '.join(options)} ended with {ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    store = RunStore.open(settings)
    (run_id,) = store.run_ids()
    run = store.run(run_id)
    evaluation = store.last_evaluation(run)[1]
    assert isinstance(evaluation, EnsembleEvaluation)  # noqa: S101  the data set has classes
    record = store.member(run_id, 0).record()
    assert record is not None and isinstance(record.member, TrainedMember)  # noqa: S101, PT018  it was evaluated
    durations = [metrics.duration_s for metrics in record.member.history]
    shutil.rmtree(place)
    # The first of several epochs also compiles the network.
    epoch_s = median(durations[1:] or durations)
    return {
        "train_images": run.dataset.train_size,
        "test_images": run.dataset.test_size,
        "in_shards": run.dataset.in_shards,
        "command_s": seconds,
        # Fewer than one, and different ones, if something else was busy on the machine.
        "cores_that_it_got": cores,
        "before_the_member_s": (record.member.started_at - run.created_at).total_seconds(),
        "member_s": (record.member.finished_at - record.member.started_at).total_seconds(),
        "epochs_s": durations,
        "images_per_s": run.dataset.train_size / epoch_s,
        "evaluation_s": evaluation.duration_s,
        "evaluated_images_per_s": (run.dataset.train_size + run.dataset.test_size) / evaluation.duration_s,
        "test_accuracy": evaluation.test.accuracy,
    }


def _processor_s() -> float:
    """Return how many seconds of processors the commands so far have had."""
    times = os.times()
    return times.children_user + times.children_system


@contextmanager
def _limited(limit_bytes: int) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield what a command begins with to have so much memory, its file cache included, and what was seen of it."""
    is_second = (_GROUPS / "cgroup.controllers").exists()
    group = (_GROUPS if is_second else _GROUPS / "memory") / f"deepchord-large-set-{os.getpid()}"
    group.mkdir()
    (group / ("memory.max" if is_second else "memory.limit_in_bytes")).write_text(str(limit_bytes))
    key = "anon" if is_second else "total_rss"
    seen: dict[str, Any] = {"peak_anonymous_mib": 0.0, "peak_with_file_cache_mib": 0.0}
    has_ended = threading.Event()

    def look() -> None:
        usage = group / ("memory.current" if is_second else "memory.usage_in_bytes")
        while not has_ended.wait(_LOOK_EVERY_S):
            lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
            anonymous = {name: int(value) for name, value in lines}[key] / 2**20
            seen["peak_anonymous_mib"] = max(seen["peak_anonymous_mib"], anonymous)
            seen["peak_with_file_cache_mib"] = max(seen["peak_with_file_cache_mib"], int(usage.read_text()) / 2**20)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"'], seen
    finally:
        has_ended.set()
        thread.join()
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:  # a process is still ending
                time.sleep(0.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=8.0)
    parser.add_argument("--limit-gib", type=float, default=2.0)
    parser.add_argument("--engine", choices=KERAS3_BACKENDS, default="tensorflow")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the files go; default: where temporary ones do"
    )
    parser.add_argument("--without-training", action="store_true", help="only publish, fetch and read")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
