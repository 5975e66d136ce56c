"""Recipes side by side on images of the training set that no member sees: how presets are chosen.

The test images are not looked at. Member N starts from the same weights, on the same split, in every recipe, so that
recipes are compared in pairs. One process for each core, with one thread each, takes one training after the other.

    python -m benchmarks.selection [--preset fast] [--members 4] [--recipe epochs=10,dropout_scale=0.3] … [--json FILE]
    python -m benchmarks.selection --preset digits --dataset FOLDER_OF_IDX_FILES --recipe epochs=8 --recipe epochs=16

What training in bfloat16 costs of accuracy:

    python -m benchmarks.selection --members 5 --recipe precision=float32 --recipe precision=bfloat16
"""

import argparse
import json
import math
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from deepchord.coordinator.runs import plan_architecture, plan_member, plan_request
from deepchord.shared.datasets import Dataset, Places, find_dataset
from deepchord.shared.host import ENGINES, usable_cores
from deepchord.shared.settings import keras_home
from deepchord.worker.engines import Probabilities, open_engine
from deepchord.worker.evaluation import predict, score
from deepchord.worker.training import TrainingSetup, train

_HELD_OUT = 10_000
#: Of the members and of what is held out; no run that is reported has it.
_SEED = 9000


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One member with one recipe."""

    engine: str
    preset: str
    #: The name of the data set, or its path.
    dataset: str
    #: What is asked for besides the preset, as in a recipe file.
    changes: Mapping[str, Any]
    index: int
    #: None: all that are not held out.
    images: int | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a member gave for the images that were held out."""

    #: [size, classes].
    probabilities: Probabilities
    #: In which it was trained, whatever was asked for.
    precision: str
    seconds: float


def main() -> None:
    """Train, score and print."""
    arguments = _arguments()
    recipes = [_changes(text) for text in arguments.recipe or [""]]
    trials = [
        Trial(
            engine=arguments.engine,
            preset=arguments.preset,
            dataset=arguments.dataset,
            changes=changes,
            index=index,
            images=arguments.images,
        )
        for changes in recipes
        for index in range(arguments.members)
    ]
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        found = list(pool.map(_trained, trials))
    labels = _held_out(arguments.dataset, None).y_test
    rows: list[dict[str, Any]] = []
    for place, changes in enumerate(recipes):
        row = _row(changes, found[place * arguments.members : (place + 1) * arguments.members], labels)
        rows.append(row | _difference(row, rows[0]) if rows else row)
    result = {
        "machine": describe("keras", arguments.engine),
        "preset": arguments.preset,
        "dataset": arguments.dataset,
        "recipes": rows,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _changes(text: str) -> dict[str, Any]:
    """Return the options of a recipe from NAME=VALUE,…: values are TOML's, or plain text."""
    changes: dict[str, Any] = {}
    for option in filter(None, text.split(",")):
        name, _, value = option.partition("=")
        try:
            changes[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name] = value
    return changes


def _trained(trial: Trial) -> Outcome:
    engine, dataset = open_engine(trial.engine, 1), _held_out(trial.dataset, trial.images)
    classes = len(dataset.class_names)
    request = plan_request(None, {"preset": trial.preset, **trial.changes})
    recipe = request.recipe()
    if "precision" in trial.changes and engine.precision(recipe) != recipe.precision:
        raise ValueError(f"{trial.engine} does not train in {recipe.precision} on this machine")
    shape = dataset.x_train.shape[1:]
    architecture = plan_architecture(request, shape, classes).resolve(input_shape=shape, classes=classes)
    started = time.monotonic()
    network, _ = train(
        engine,
        TrainingSetup(
            architecture=architecture,
            recipe=recipe,
            seeds=plan_member("selection", _SEED, trial.index).seeds,
            dataset=dataset,
        ),
    )
    outcome = Outcome(
        probabilities=predict(network, dataset.x_test, classes),
        precision=engine.precision(recipe),
        seconds=time.monotonic() - started,
    )
    accuracy = score(outcome.probabilities, dataset.y_test).accuracy
    sys.stderr.write(f"{trial.changes} member {trial.index}: {accuracy:.2%} after {outcome.seconds:.0f} s\n")
    return outcome


def _row(changes: Mapping[str, Any], outcomes: Sequence[Outcome], labels: Any) -> dict[str, Any]:
    scores = [score(outcome.probabilities, labels) for outcome in outcomes]
    together = score(np.mean([outcome.probabilities for outcome in outcomes], axis=0), labels)
    return {
        "recipe": dict(changes),
        "precision": sorted({outcome.precision for outcome in outcomes}),
        "accuracies": [one.accuracy for one in scores],
        "losses": [one.loss for one in scores],
        "seconds": [outcome.seconds for outcome in outcomes],
        "mean_accuracy": float(np.mean([one.accuracy for one in scores])),
        "ensemble_accuracy": together.accuracy,
    }


def _difference(row: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, float | None]:
    """Return how much more accurate the members are than those of the first recipe, pair by pair."""
    differences = np.subtract(row["accuracies"], first["accuracies"])
    error = float(np.std(differences, ddof=1) / math.sqrt(len(differences))) if len(differences) > 1 else None
    return {"mean_difference": float(np.mean(differences)), "standard_error": error}


def _held_out(name: str, images: int | None) -> Dataset:
    """Return a data set with images of its training set in place of its test images."""
    whole = find_dataset(name, Places(keras_home=keras_home()))
    order = np.random.default_rng(_SEED).permutation(len(whole.x_train))
    held, rest = order[:_HELD_OUT], order[_HELD_OUT:][:images]
    return Dataset(
        name=f"{whole.name}, held out",
        x_train=whole.x_train[rest],
        y_train=whole.y_train[rest],
        x_test=whole.x_train[held],
        y_test=whole.y_train[held],
        class_names=whole.class_names,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--dataset", default="fashion", metavar="NAME|PATH")
    parser.add_argument("--recipe", action="append", help="NAME=VALUE,… besides the preset; again for the next recipe")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--images", type=int, help="train on so many only")
    parser.add_argument("--engine", choices=ENGINES, default="tensorflow")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
