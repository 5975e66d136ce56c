"""Any recipe is planned or refused in a sentence, and any file with a network holds one or is refused."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepchord.coordinator.runs import PRESETS, plan_architecture, plan_request
from deepchord.shared.saved_models import network_to_train
from tests.contract.every_layer import EVERY_LAYER
from tests.fuzzing.inputs import changed_tree, damaged, try_inputs

SHAPE = (16, 16, 1)
NETWORKS = [json.loads(network.encode()) for network in EVERY_LAYER.values()]
RECIPES: list[dict[str, Any]] = [
    *({"preset": preset, "members": 3, "seed": 4} for preset in PRESETS),
    {"dataset": "digits", "epochs": 3, "optimizer": "sgd", "momentum": 0.9, "nesterov": True, "learning_rate": 0.1},
    {"schedule": "step", "warmup_epochs": 0.5, "decay_factor": 0.5, "decay_epochs": 2, "min_learning_rate": 1e-6},
    {"members": "auto", "at_most": 12, "least_fall": 0.01, "validation_fraction": 0.2, "calibration_fraction": 0.1},
    {"flip": True, "shift": 2, "rotation": 20.0, "random_erasing": [0.1, 0.2], "rand_augment": 2, "mixup": 0.2},
    {"class_weights": {"cat": 2.0, "dog": 0.5}, "require": "gpu", "precision": "bfloat16", "label_smoothing": 0.1},
    {"dataset": "my.csv", "target": "a,b", "task": "regression", "beta_nll": 0.5, "feature_noise": 0.1},
    {"image_size": "48x64", "skip_damaged": True, "test_share": 0.3, "split_seed": 3, "channels_first": False},
    {"initial_weights": "w.h5", "new_head": True, "initial_noise": 0.1, "architecture": "network.toml"},
    *({"members": 2, **network} for network in NETWORKS[:4]),
]


def as_toml(value: Any) -> str:
    """One value of TOML, which has no null."""
    if isinstance(value, dict):
        known = {key: each for key, each in value.items() if each is not None}
        return "{" + ", ".join(f"{as_toml(str(key))} = {as_toml(each)}" for key, each in known.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return repr(value).lower() if isinstance(value, bool | int | float) else json.dumps(str(value))


def as_file(recipe: Any) -> bytes:
    if not isinstance(recipe, dict):
        return as_toml(recipe).encode()
    lines = [f"{as_toml(str(key))} = {as_toml(value)}\n" for key, value in recipe.items()]
    return "".join(lines).encode(errors="replace")


FILES = [*map(as_file, RECIPES)]


def test_any_recipe_is_planned_or_refused_in_a_sentence(tmp_path: Path, seeds: Sequence[int]):
    path = tmp_path / "recipe.toml"

    def plan(draw: random.Random) -> None:
        path.write_bytes(damaged(draw, FILES) if draw.random() < 0.4 else as_file(changed_tree(draw, RECIPES)))
        plan_architecture(plan_request(path, {}), SHAPE, 3)

    try_inputs(seeds, plan)


def test_any_file_with_a_network_holds_one_or_is_refused_in_a_sentence(tmp_path: Path, seeds: Sequence[int]):
    def read(draw: random.Random) -> None:
        network, (classes, targets) = changed_tree(draw, NETWORKS), draw.choice([(3, 0), (3, 0), (0, 2)])
        path = tmp_path / draw.choice(["network.toml", "network.json"])
        path.write_bytes(as_file(network) if path.suffix == ".toml" else json.dumps(network).encode())
        shape = draw.choice([SHAPE] * 4 + [(5,), (1, 1, 13)])

        found = network_to_train(path, shape, classes, targets)
        found.resolve(input_shape=shape, classes=classes, targets=targets)

    try_inputs(seeds, read)
