"""What faults cost: kills survived, epochs trained again, seconds until somebody goes on, and the price of saving.

    python -m benchmarks.faults [--kills 20] [--epoch-images 48000] [--json FILE]

Kills are of real processes of real workers, as in tests/faults. The price of saving is that of the notebook's network,
next to an epoch of its training in the same process.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from deepchord.shared.datasets import Places, encode_dataset, find_dataset
from deepchord.shared.messages import MemberSeeds, MemberSpec, Recipe, TrainedMember, Trainer
from deepchord.shared.network import notebook_architecture
from deepchord.shared.settings import Settings, keras_home, load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import open_engine
from deepchord.worker.execution import EpochSaver, Resumption
from deepchord.worker.training import Observer, SavedTraining, TrainingSetup, TrainingState, encode_training, train
from tests.faults.fleet import Broker, Fleet, kill_tree
from tests.places import NETWORK, RECIPE, Place
from tests.waiting import wait_until

#: An epoch takes a tenth of a second or two, most of it for the small batches.
_EPOCHS = 40
_BATCH_SIZE = 2
_LEASE_S = 2.0
_SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        whole = _run(Path(folder) / "whole", lambda _: None)[0]
        result = {
            "machine": describe("keras", "tensorflow", "celery"),
            "lease_s": _LEASE_S,
            "training_process_killed": _summary(
                [_kill(Path(folder) / f"process{seed}", seed, _kill_process) for seed in range(arguments.kills)], whole
            ),
            "worker_killed": _summary(
                [_kill(Path(folder) / f"worker{seed}", seed, _kill_worker) for seed in range(arguments.kills)], whole
            ),
            "saving": _price_of_saving(Path(folder) / "saving", arguments.epoch_images),
        }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _kill_process(fleet: Fleet) -> None:
    fleet.training_process().kill()


def _kill_worker(fleet: Fleet) -> None:
    kill_tree(fleet.worker_of(fleet.training_process()))


def _kill(folder: Path, seed: int, kill: Callable[[Fleet], None]) -> dict[str, Any]:
    """Kill once, at a random epoch; another worker stands by."""
    found: dict[str, Any] = {}

    def fault(fleet: Fleet) -> None:
        epoch = int(np.random.default_rng(seed).integers(2, _EPOCHS - 5))
        wait_until(lambda: fleet.saved() >= epoch, f"epoch {epoch}")
        kill(fleet)
        found["saved_epochs"] = fleet.saved()
        killed = time.monotonic()
        wait_until(lambda: len(fleet.attempts()) > 1, "another attempt")
        found["seconds_to_next_attempt"] = time.monotonic() - killed
        saved = found["saved_epochs"]
        wait_until(lambda: fleet.saved() > saved or fleet.store.member(fleet.run_id, 0).has_record(), "a further epoch")
        found["seconds_to_next_saved_epoch"] = time.monotonic() - killed

    member, evaluated = _run(folder, fault)
    first = member.parts[0].epochs if member.parts else 0
    return {**found, "member": member, "evaluated": evaluated, "trained_again": found["saved_epochs"] - first}


def _run(folder: Path, fault: Callable[[Fleet], None]) -> tuple[TrainedMember, bool]:
    (folder / "broker").mkdir(parents=True)
    recipe = write_recipe(folder, epochs=_EPOCHS)
    broker = Broker(folder / "broker")
    broker.start()
    variables = {"DEEPCHORD_BROKER": broker.url, "DEEPCHORD_LEASE_S": str(_LEASE_S)}
    place = Place(folder, variables)
    fleet = Fleet(place, broker, recipe, place.store)
    try:
        for _ in range(2):
            fleet.start_worker()
        fleet.submit()
        watching = fleet.watch()
        fault(fleet)
        return fleet.member(), watching.ended() == 0
    finally:
        place.kill_all()
        broker.kill()


def write_recipe(folder: Path, *, epochs: int) -> Path:
    """Write a recipe for one member of so many short epochs, and what it needs; return its path."""
    clothes = find_dataset("fashion", Places(keras_home=keras_home()))
    few = replace(
        clothes,
        x_train=clothes.x_train[:800],
        y_train=clothes.y_train[:800],
        x_test=clothes.x_test[:300],
        y_test=clothes.y_test[:300],
    )
    (folder / "clothes.npz").write_bytes(encode_dataset(few))
    (folder / "network.toml").write_text(NETWORK)
    path = folder / "long.toml"
    text = RECIPE.replace("members = 2", "members = 1").replace("epochs = 2", f"epochs = {epochs}")
    text = text.replace("batch_size = 32", f"batch_size = {_BATCH_SIZE}")
    path.write_text(f"{text}\npatience = {epochs}\n")
    return path


def _summary(kills: list[dict[str, Any]], whole: TrainedMember) -> dict[str, Any]:
    def spread(name: str) -> dict[str, float]:
        values = [kill[name] for kill in kills]
        return {"median": statistics.median(values), "worst": max(values)}

    return {
        "tried": len(kills),
        "survived": sum(kill["evaluated"] for kill in kills),
        "same_weights_as_without": sum(kill["member"].weights_sha256 == whole.weights_sha256 for kill in kills),
        "saved_epochs_trained_again": spread("trained_again"),
        "seconds_to_next_attempt": spread("seconds_to_next_attempt"),
        "seconds_to_next_saved_epoch": spread("seconds_to_next_saved_epoch"),
    }


class _Timed(Observer):
    """Saves each epoch as a worker does, and takes the time."""

    def __init__(self, saver: EpochSaver) -> None:
        self._saver = saver
        self.seconds: list[float] = []

    def epoch(self, state: TrainingState) -> None:
        for _ in range(5):
            started = time.monotonic()
            self._saver.epoch(state)
            self.seconds.append(time.monotonic() - started)


def _price_of_saving(folder: Path, images: int) -> dict[str, Any]:
    settings = load_settings()
    engine = open_engine("auto", threads=settings.threads)
    dataset = find_dataset("fashion", Places(keras_home=keras_home()))
    rows = slice(0, round(images / 0.8))
    dataset = replace(dataset, x_train=dataset.x_train[rows], y_train=dataset.y_train[rows])
    trainer = Trainer(host="here", engine=engine.name, engine_version=engine.version, device=engine.device.id)
    spec = MemberSpec(run_id="benchmark", index=0, seeds=_SEEDS)
    saver = EpochSaver(RunStore.open(Settings(storage=str(folder))), spec, 1, trainer, Resumption(), lambda _: None)
    timed = _Timed(saver)
    recipe = Recipe(
        optimizer="nadam", learning_rate=0.002, batch_size=128, epochs=3, validation_fraction=0.2, patience=3
    )
    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    with saver:
        network, state = train(
            engine, TrainingSetup(architecture=architecture, recipe=recipe, seeds=_SEEDS, dataset=dataset), timed
        )
    started = time.monotonic()
    for _ in range(5):
        network.weights()
        network.optimizer_state()
    copying = (time.monotonic() - started) / 5
    epoch = statistics.median(metrics.duration_s for metrics in state.history[1:])
    saving = statistics.median(timed.seconds)
    data = encode_training(SavedTraining(state=state, parts=saver.parts(len(state.history))))
    return {
        "engine": engine.version,
        "epoch_s": epoch,
        "copying_s": copying,
        "saving_s": saving,
        "share_of_epoch": (copying + saving) / epoch,
        "bytes": len(data),
    }


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="of training processes, and as many of workers")
    parser.add_argument("--epoch-images", type=int, default=48_000, help="training images of an epoch")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
