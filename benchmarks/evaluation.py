"""The evaluation of ten members on all 70,000 images, next to the notebook's way: `predict` with Keras's defaults.

Both take the same weights (of an epoch on some thousand images) and the same images, each in a process of its own, in
turns; the probabilities of the ensemble are compared. Deepchord has so many callers of so many threads as there are
cores, Keras has all cores. Where the processor has bfloat16, what it would add to the speed, and change in the
probabilities, is measured, too.

    python -m benchmarks.evaluation [--members 10] [--rounds 3] [--threads 1] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from deepchord.coordinator.runs import plan_member
from deepchord.shared.checkpoints import Weights, decode_checkpoint, decode_ensemble_probabilities, encode_checkpoint
from deepchord.shared.datasets import Dataset, Places, find_dataset
from deepchord.shared.host import usable_cores
from deepchord.shared.images import scaled
from deepchord.shared.messages import Precision, Recipe, Trainer
from deepchord.shared.network import ResolvedArchitecture, notebook_architecture
from deepchord.shared.settings import keras_home
from deepchord.worker.engines import Engine, open_engine
from deepchord.worker.engines.keras3 import has_fast_bfloat16
from deepchord.worker.evaluation import Candidate, Evaluator, evaluate_members, predict
from deepchord.worker.training import TrainingSetup, train

#: Untrained networks know no class, and so would not show what other digits change.
_TRAINED_ON = 15_000
_WAYS = ("deepchord", "keras_predict")
_IN_BFLOAT16 = "deepchord_bfloat16"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.here:
        way, folder = arguments.here
        print("\n" + json.dumps(_measure_here(way, arguments.members, arguments.threads, Path(folder))))
        return
    ways = (*_WAYS, _IN_BFLOAT16) if has_fast_bfloat16() else _WAYS
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        _ask(arguments, "train", folder)
        for _ in range(arguments.rounds):
            for way in ways:
                seconds[way].append(_ask(arguments, way, folder))
        ours, keras, *other = (np.load(Path(folder) / f"{way}.npy") for way in ways)
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    result = {
        "machine": describe("keras", "tensorflow"),
        "members": arguments.members,
        "images": len(ours),
        "threads": arguments.threads,
        "seconds": medians,
        "us_per_image_and_member": {way: 1e6 * value / len(ours) / arguments.members for way, value in medians.items()},
        "keras_predict_to_deepchord": medians["keras_predict"] / medians["deepchord"],
        "largest_difference": float(np.abs(ours - keras).max()),
    }
    for bfloat16 in other:
        result["bfloat16"] = {
            "speed_to_float32": medians["deepchord"] / medians[_IN_BFLOAT16],
            "largest_difference": float(np.abs(ours - bfloat16).max()),
            "other_class_for": float((ours.argmax(axis=1) != bfloat16.argmax(axis=1)).mean()),
        }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _ask(arguments: argparse.Namespace, way: str, folder: str) -> float:
    given = ["--members", str(arguments.members), "--threads", str(arguments.threads), "--here", way, folder]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evaluation", *given], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _measure_here(way: str, members: int, threads: int, folder: Path) -> float:
    """Return seconds, and leave the ensemble's probabilities of all images; runs in a process of its own."""
    dataset = find_dataset("fashion", Places(keras_home=keras_home()))
    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    engine = open_engine("tensorflow", usable_cores() if way in ("train", "keras_predict") else threads, "CPU:0")
    files = [folder / f"{member}.hdf5" for member in range(members)]
    if way == "train":
        for member, file in enumerate(files):
            file.write_bytes(encode_checkpoint(architecture, _trained(engine, architecture, dataset, member)))
        return 0.0
    weights = [decode_checkpoint(file.read_bytes(), architecture, file.name) for file in files]
    compute = {"deepchord": _ours, "keras_predict": _keras, _IN_BFLOAT16: _bfloat16}[way]
    compute(engine, dataset, weights[:1], 1000)  # whatever is compiled or built once
    started = time.perf_counter()
    probabilities = compute(engine, dataset, weights, None)
    seconds = time.perf_counter() - started
    np.save(folder / f"{way}.npy", probabilities)
    return seconds


def _trained(engine: Engine, architecture: ResolvedArchitecture, dataset: Dataset, member: int) -> Weights:
    few = replace(dataset, x_train=dataset.x_train[:_TRAINED_ON], y_train=dataset.y_train[:_TRAINED_ON])
    return train(
        engine,
        TrainingSetup(
            architecture=architecture,
            recipe=_recipe("float32"),
            seeds=plan_member("evaluation", 1, member).seeds,
            dataset=few,
        ),
    )[1].weights


def _recipe(precision: Precision) -> Recipe:
    return Recipe(
        optimizer="nadam",
        learning_rate=0.002,
        batch_size=128,
        epochs=1,
        validation_fraction=0.2,
        patience=1,
        precision=precision,
    )


def _ours(engine: Engine, dataset: Dataset, weights: list[Weights], size: int | None) -> Any:
    """The evaluation as a worker does it: scores, confusion and all."""
    part = _part(dataset, size)
    network = notebook_architecture().resolve(input_shape=part.x_train.shape[1:], classes=len(part.class_names))
    candidates = [
        Candidate(index=index, network=network, weights=lambda one=one: one)  # type: ignore[misc]  # a default binds it
        for index, one in enumerate(weights)
    ]
    trainer = Trainer(host="here", engine="tensorflow", engine_version="", device="CPU:0")
    callers = engine.parallel_predictions()
    found = evaluate_members(Evaluator(engine=engine, trainer=trainer, threads=callers), part, candidates, len(weights))
    probabilities = decode_ensemble_probabilities(found.encoded_probabilities, "the evaluation")
    return np.concatenate([probabilities.train, probabilities.test])


def _keras(engine: Engine, dataset: Dataset, weights: list[Weights], size: int | None) -> Any:
    """The notebook's loop: for each member and part `predict` with its default batches of 32."""
    from benchmarks.plain_keras import network

    del engine
    part = _part(dataset, size)
    images = [scaled(part.x_train), scaled(part.x_test)]
    model = network()
    sums = [np.zeros((len(pixels), 10)) for pixels in images]
    for member in weights:
        model.set_weights([array for layer in member for array in layer])
        for total, pixels in zip(sums, images, strict=True):
            total += model.predict(pixels, verbose=0)
    return np.concatenate(sums) / len(weights)


def _bfloat16(engine: Engine, dataset: Dataset, weights: list[Weights], size: int | None) -> Any:
    """As ours would be, had it no more digits than training."""
    part = _part(dataset, size)
    recipe = _recipe("bfloat16")
    network = engine.build(notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10), recipe)
    images = np.concatenate([part.x_train, part.x_test])
    total = np.zeros((len(images), 10))
    for member in weights:
        network.set_weights(member)
        total += predict(network, images, 10, threads=engine.parallel_predictions())
    return total / len(weights)


def _part(dataset: Dataset, size: int | None) -> Dataset:
    return Dataset(
        name=dataset.name,
        x_train=dataset.x_train[:size],
        y_train=dataset.y_train[:size],
        x_test=dataset.x_test[:size],
        y_test=dataset.y_test[:size],
        class_names=dataset.class_names,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
