"""What the first version wrote and read: runs without newer options are still written so."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from deepchord.coordinator.runs import plan_architecture, plan_request, plan_run
from deepchord.shared.messages import DatasetInfo, NumberGain, Recipe, RegressionEvaluation, RunSpec
from deepchord.shared.shares import Share
from deepchord.shared.validation import ExtendedMessage
from tests.coordinator.evaluated_run import numbers_with

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=9_000, test_size=5
)
#: The fields of the first version.
OF_RUN = {
    "protocol", "version", "run_id", "created_at", "preset", "dataset", "architecture", "recipe", "members",
    "min_members", "seed", "max_attempts", "require", "extension", "auto", "distillation",
}  # fmt: skip
OF_DATASET = {
    "name", "sha256", "input_shape", "class_names", "train_size", "test_size", "pixels",
}  # fmt: skip
OF_RECIPE = {
    "optimizer", "learning_rate", "schedule", "batch_size", "epochs", "validation_fraction", "splits",
    "calibration_fraction", "patience", "precision", "dropout_scale", "label_smoothing", "weight_decay", "flip",
    "shift", "cutout",
}  # fmt: skip
#: A value that is not the default, for each newer option of a recipe, and what it needs beside it.
NEWER_OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "momentum": (0.9, {"optimizer": "sgd"}),
    "nesterov": (True, {"optimizer": "sgd", "momentum": 0.9}),
    "global_clipnorm": (1.0, {}),
    "warmup_epochs": (1.0, {}),
    "decay_factor": (0.5, {}),
    "decay_epochs": (2, {}),
    "plateau_patience": (2, {}),
    "min_learning_rate": (1e-5, {}),
    "stratify": (True, {}),
    "class_weights": ({"0": 2.0}, {}),
    "rotation": (5.0, {}),
    "zoom": (0.1, {}),
    "brightness": (0.1, {}),
    "contrast": (0.1, {}),
    "noise": (0.1, {}),
    "random_erasing": ((0.1, 0.2), {}),
    "rand_augment": (2, {}),
    "rand_augment_magnitude": (3.0, {}),
    "mixup": (0.2, {}),
    "cutmix": (0.2, {}),
    "feature_noise": (0.1, {}),
    "beta_nll": (0.5, {}),
}


def new_run(preset: str, **options: object) -> RunSpec:
    request = plan_request(None, {"preset": preset, "seed": 1, **options})
    network = plan_architecture(request, DATASET.input_shape, DATASET.classes)
    return plan_run(request, network, DATASET, max_attempts=3, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("preset", ["best", "fast", "notebook", "quick"])
def test_a_run_without_newer_options_has_the_fields_of_the_first_version_only(preset):
    written = json.loads(new_run(preset).encode())

    assert written.keys() == OF_RUN
    assert written["dataset"].keys() == OF_DATASET
    assert written["recipe"].keys() == OF_RECIPE


@pytest.mark.parametrize("name", sorted(NEWER_OPTIONS))
def test_a_newer_option_is_written_where_it_is_not_the_default(name):
    value, needed = NEWER_OPTIONS[name]
    run = new_run("quick", **{name: value}, **needed)

    written = json.loads(run.encode())["recipe"]

    assert written.keys() == OF_RECIPE | {name, *needed}
    assert RunSpec.decode(run.encode(), "it") == run
    assert getattr(run.recipe, name) == value


def test_a_share_of_the_fleet_is_written_where_it_is_not_that_of_any_run():
    run = new_run("quick", priority="high", most_workers=2)

    written = json.loads(run.encode())

    assert written.keys() == OF_RUN | {"share"}
    assert written["share"] == {"priority": "high", "most_workers": 2}
    assert RunSpec.decode(run.encode(), "it").share == Share(priority="high", most_workers=2)


def test_no_newer_option_was_forgotten_here():
    assert Recipe.model_fields.keys() == OF_RECIPE | NEWER_OPTIONS.keys()


@pytest.mark.parametrize("kind", [Recipe, DatasetInfo])
def test_what_is_left_out_at_its_default_is_what_the_first_version_did_not_know(kind: type[ExtendedMessage]):
    assert set(kind.added_fields) == kind.model_fields.keys() - OF_RECIPE - OF_DATASET
    assert all(not kind.model_fields[name].is_required() for name in kind.added_fields)


def test_what_one_more_member_brings_to_numbers_is_written_only_where_it_is_known():
    run, gain = new_run("quick"), NumberGain(rows=9, members_per_row=2, loss=-0.5, fall=0.1)

    before, now = (json.loads(numbers_with(run, each).encode()) for each in (None, gain))

    assert now.keys() - before.keys() == {"next_member"}
    assert RegressionEvaluation.decode(json.dumps(before), "it").next_member is None


def test_owner_name_and_tags_are_written_of_runs_that_have_them():
    run = new_run("quick", name="baseline", tags={"study": "dropout"})

    written = json.loads(run.encode())

    assert written.keys() == OF_RUN | {"labels"}
    assert written["labels"] == {"owner": None, "name": "baseline", "tags": {"study": "dropout"}}
    assert RunSpec.decode(run.encode(), "it") == run
    assert set(RunSpec.added_fields) == RunSpec.model_fields.keys() - OF_RUN


def test_findings_about_a_data_set_are_written():
    finding = {"kind": "overlap", "level": "warning", "text": "Two are equal."}
    newer = {"findings": [finding], "has_sample_weights": True, "test_name": "test.npz"}
    dataset = DatasetInfo.model_validate({**DATASET.model_dump(), **newer})

    written = json.loads(dataset.encode())

    assert written.keys() == OF_DATASET | newer.keys()
    assert DatasetInfo.decode(dataset.encode(), "it") == dataset
