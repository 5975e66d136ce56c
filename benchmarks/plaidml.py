"""What a member on PlaidML costs, next to a bare `fit` of Keras 2.2.4 with the same network on the same device.

Both train in a process of their own, one after the other, in turn first. The first epoch, in which PlaidML compiles, is
told apart from those that follow.

    python -m benchmarks.plaidml [--device ID] [--images 1280] [--epochs 2] [--rounds 3] [--json FILE]
    python -m benchmarks.plaidml --memory 10 [--device ID]

The second trains small members, each in a process of its own as a worker does, then as many in one process.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import peak_mib
from deepchord.shared.datasets import Dataset, Places, find_dataset
from deepchord.shared.images import scaled
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten, MaxPooling2D, notebook_architecture
from deepchord.shared.settings import keras_home, load_settings
from deepchord.worker.engines import open_configured_engine
from deepchord.worker.engines.plaidml import configured_devices, import_keras, import_plaidml
from deepchord.worker.training import Observer, TrainingSetup, TrainingState, random_split, train

_SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)
_BATCH_SIZE = 128
_LEARNING_RATE = 0.002
_VALIDATION_FRACTION = 0.2
_SMALL_IMAGES = 320


class _Clock(Observer):
    """Notes when each epoch has ended, its best weights copied."""

    def __init__(self) -> None:
        self.times = [time.monotonic()]

    def epoch(self, state: TrainingState) -> None:  # noqa: ARG002  the interface
        self.times.append(time.monotonic())

    @property
    def durations_s(self) -> list[float]:
        return np.diff(self.times).tolist()


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.part:
        print("\n" + json.dumps(_PARTS[arguments.part](arguments)))
        return
    result = _measure_memory(arguments) if arguments.memory else _compare(arguments)
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _compare(arguments: argparse.Namespace) -> dict[str, Any]:
    rounds: dict[str, list[dict[str, Any]]] = {"member": [], "fit": []}
    for number in range(arguments.rounds):
        for part in ("member", "fit") if number % 2 == 0 else ("fit", "member"):
            rounds[part].append(_run(part, arguments))
    samples = rounds["member"][0]["train_images"]
    return {
        "device": rounds["member"][0]["device"],
        "train_images": samples,
        "epochs": arguments.epochs,
        "rounds": arguments.rounds,
        "deepchord": _summary(rounds["member"], samples),
        "bare_keras": _summary(rounds["fit"], samples),
        "ratio_first_epoch": _ratio(rounds, lambda one: one["epochs_s"][0]),
        "ratio_following_epochs": _ratio(rounds, lambda one: statistics.median(one["epochs_s"][1:])),
        "ratio_total": _ratio(rounds, lambda one: sum(one["epochs_s"])),
    }


def _summary(rounds: Sequence[dict[str, Any]], samples: int) -> dict[str, Any]:
    following = [seconds for one in rounds for seconds in one["epochs_s"][1:]]
    return {
        "first_epoch_s": statistics.median(one["epochs_s"][0] for one in rounds),
        "following_us_per_sample_and_epoch": 1e6 * statistics.median(following) / samples,
        "epochs_s": [one["epochs_s"] for one in rounds],
        "validation_accuracy": [one["validation_accuracy"] for one in rounds],
    }


def _ratio(rounds: dict[str, list[dict[str, Any]]], seconds: Callable[[dict[str, Any]], float]) -> float:
    """Return the median over rounds of deepchord's seconds divided by bare Keras's."""
    return statistics.median(
        seconds(ours) / seconds(bare) for ours, bare in zip(rounds["member"], rounds["fit"], strict=True)
    )


def _measure_memory(arguments: argparse.Namespace) -> dict[str, Any]:
    parent, peaks = [], []
    for _ in range(arguments.memory):
        peaks.append(_run("small", arguments)["peak_mib"])
        parent.append(_resident_mib())
    return {
        "members": arguments.memory,
        "process_per_member": {"peak_of_each_process_mib": peaks, "parent_after_each_member_mib": parent},
        "one_process_after_each_member_mib": _run("one_process", arguments)["resident_mib"],
    }


def _run(part: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a part of this module in a process of its own and return what it found."""
    options = [f"--part={part}", f"--images={arguments.images}", f"--epochs={arguments.epochs}"]
    options += [f"--memory={arguments.memory}", *([f"--device={arguments.device}"] if arguments.device else [])]
    command = [sys.executable, "-m", "benchmarks.plaidml", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"The process that measured {part!r} ended with exit code {done.returncode}.")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _train_member(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the notebook's network as a worker does."""
    dataset = _dataset(arguments.images)
    engine = open_configured_engine(load_settings(engine="plaidml", device=arguments.device))
    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    clock = _Clock()
    _, trained = train(
        engine,
        TrainingSetup(architecture=architecture, recipe=_recipe(arguments.epochs), seeds=_SEEDS, dataset=dataset),
        clock,
    )
    return {
        "device": engine.device.id,
        "train_images": len(_indices(dataset)[0]),
        "epochs_s": clock.durations_s,
        "validation_accuracy": [metrics.validation_accuracy for metrics in trained.history],
    }


def _fit(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the same network as a Keras 2.2.4 program would; only devices are configured as deepchord does it."""
    dataset = _dataset(arguments.images)
    plaidml = import_plaidml()
    devices = configured_devices(plaidml, load_settings().plaidml_hardware)
    device = arguments.device or devices[0].id
    plaidml.settings.device_ids = [device]
    keras = import_keras()
    times = [time.monotonic()]
    training, validation = _indices(dataset)
    model = _keras_network(keras)
    history = model.fit(
        scaled(dataset.x_train[training]),
        dataset.y_train[training],
        batch_size=_BATCH_SIZE,
        epochs=arguments.epochs,
        validation_data=(scaled(dataset.x_train[validation]), dataset.y_train[validation]),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: times.append(time.monotonic()))],
        verbose=0,
    )
    return {
        "device": device,
        "train_images": len(training),
        "epochs_s": np.diff(times).tolist(),
        "validation_accuracy": [float(value) for value in history.history["val_acc"]],
    }


def _keras_network(keras: Any) -> Any:
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu", input_shape=(28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Nadam(_LEARNING_RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _train_small(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one small member and return the peak of this process."""
    _train_small_members(arguments, 1)
    return {"peak_mib": round(peak_mib(), 1)}


def _train_in_one_process(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train all small members here and return this process's memory after each."""
    return {"resident_mib": _train_small_members(arguments, arguments.memory)}


def _train_small_members(arguments: argparse.Namespace, members: int) -> list[float]:
    engine = open_configured_engine(load_settings(engine="plaidml", device=arguments.device))
    layers = (
        Conv2D(filters=16),
        MaxPooling2D(),
        Conv2D(filters=32),
        Flatten(),
        Dense(units="classes", activation="softmax"),
    )
    dataset = _dataset(_SMALL_IMAGES)
    architecture = Architecture(layers=layers).resolve(input_shape=(28, 28, 1), classes=10)
    resident = []
    for _ in range(members):
        train(engine, TrainingSetup(architecture=architecture, recipe=_recipe(1), seeds=_SEEDS, dataset=dataset))
        resident.append(_resident_mib())
    return resident


_PARTS = {"member": _train_member, "fit": _fit, "small": _train_small, "one_process": _train_in_one_process}


def _dataset(images: int) -> Dataset:
    whole = find_dataset("fashion", Places(keras_home=keras_home()))
    return replace(whole, x_train=whole.x_train[:images], y_train=whole.y_train[:images])


def _indices(dataset: Dataset) -> tuple[Any, Any]:
    split = random_split(len(dataset.x_train), _VALIDATION_FRACTION, _SEEDS.split)
    return split.training, split.validation


def _recipe(epochs: int) -> Recipe:
    return Recipe(
        optimizer="nadam",
        learning_rate=_LEARNING_RATE,
        batch_size=_BATCH_SIZE,
        epochs=epochs,
        validation_fraction=_VALIDATION_FRACTION,
        patience=epochs,
    )


def _resident_mib() -> float:
    return round(float(psutil.Process().memory_info().rss) / 2**20, 1)


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="as in `deepchord devices`; the best if not given")
    parser.add_argument("--images", type=int, default=1280, help="training images, a fifth of them for validation")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0, metavar="MEMBERS", help="measure memory instead")
    parser.add_argument("--part", choices=tuple(_PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(given)
    if arguments.epochs < 2:
        parser.error("the epochs after the first are what is compared: at least 2")
    return arguments


if __name__ == "__main__":
    main()
