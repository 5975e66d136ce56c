"""What training in bfloat16 costs of accuracy: members of a preset in both precisions, from the same seeds.

Scored on 10,000 images of the training set that no member sees; test images are not looked at. One process for each
core, with one thread each, takes one training after the other.

    python -m benchmarks.precision [--preset fast] [--members 5] [--engine tensorflow] [--json FILE]
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from coordinator.planning import default_architecture, plan_member, plan_request
from shared.dataset_sources import Places, find_dataset
from shared.datasets import Dataset
from shared.messages import Precision
from shared.settings import keras_home
from shared.sharing import usable_cores
from worker.engines import ENGINES, open_engine
from worker.evaluation import score
from worker.training import predict, train

_HELD_OUT = 10_000
_PRECISIONS: tuple[Precision, Precision] = ("float32", "bfloat16")
#: Of the members and of what is held out; no run that is reported has it.
_SEED = 7000


def main() -> None:
    """Train, score and print."""
    arguments = _arguments()
    if arguments.members < 2:
        sys.exit("A standard error needs at least two members.")
    task = partial(_trained, arguments.engine, arguments.preset)
    pairs = list(product(range(arguments.members), _PRECISIONS))
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        trained = pool.map(task, [index for index, _ in pairs], [precision for _, precision in pairs])
        found: dict[tuple[int, Precision], dict[str, Any]] = dict(zip(pairs, trained, strict=True))
    differences = [
        found[index, "bfloat16"]["accuracy"] - found[index, "float32"]["accuracy"] for index in range(arguments.members)
    ]
    result: dict[str, Any] = {
        "machine": describe("keras", arguments.engine),
        "preset": arguments.preset,
        **{name: [found[index, name] for index in range(arguments.members)] for name in _PRECISIONS},
        "mean_difference": float(np.mean(differences)),
        "standard_error": float(np.std(differences, ddof=1) / math.sqrt(len(differences))),
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _trained(engine_name: str, preset: str, index: int, precision: Precision) -> dict[str, Any]:
    """Return accuracy and loss on the held-out images of one member in one precision, and its seconds."""
    engine, dataset = open_engine(engine_name, 1), _held_out()
    classes = len(dataset.class_names)
    recipe = plan_request(None, {"preset": preset, "precision": precision}).recipe()
    if engine.precision(recipe) != precision:
        raise ValueError(f"{engine_name} does not train in {precision} on this machine")
    architecture = default_architecture(preset).resolve(input_shape=dataset.x_train.shape[1:], classes=classes)
    started = time.monotonic()
    network, _ = train(engine, architecture, recipe, plan_member("precision", _SEED, index).seeds, dataset)
    seconds = time.monotonic() - started
    scores = score(predict(network, dataset.x_test, classes), dataset.y_test)
    sys.stderr.write(f"member {index} in {precision}: {scores.accuracy:.2%} after {seconds:.0f} s\n")
    return {"accuracy": scores.accuracy, "loss": scores.loss, "seconds": seconds}


def _held_out() -> Dataset:
    """Return Fashion-MNIST with images of its training set in place of its test images."""
    whole = find_dataset("fashion", Places(keras_home=keras_home()))
    order = np.random.default_rng(_SEED).permutation(len(whole.x_train))
    held, rest = order[:_HELD_OUT], order[_HELD_OUT:]
    return Dataset(
        name="fashion, held out",
        x_train=whole.x_train[rest],
        y_train=whole.y_train[rest],
        x_test=whole.x_train[held],
        y_test=whole.y_train[held],
        class_names=whole.class_names,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--members", type=int, default=5, help="at least two")
    parser.add_argument("--engine", choices=ENGINES, default="tensorflow")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
