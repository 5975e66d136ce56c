"""The recipes that come with deepchord."""

import math

import pytest

from deepchord.coordinator.runs import PRESETS, plan_architecture, plan_request, plan_run
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Recipe
from deepchord.shared.network import Architecture, Dense, Flatten

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


def test_the_notebook_preset_says_all_that_the_notebook_did():
    request = plan_request(None, {"preset": "notebook"})

    assert request.members == 10
    assert {name: getattr(request, name) for name in Recipe.model_fields} == {
        "optimizer": "nadam", "learning_rate": 0.002, "batch_size": 128, "epochs": 25, "validation_fraction": 0.2,
        "patience": 10, "schedule": "constant", "precision": "float32", "dropout_scale": 1.0, "label_smoothing": 0.0,
        "weight_decay": 0.0, "flip": False, "shift": 0, "cutout": 0, "splits": "random", "calibration_fraction": 0.0,
        "momentum": 0.0, "nesterov": False, "global_clipnorm": 0.0, "warmup_epochs": 0.0, "decay_factor": 0.1,
        "decay_epochs": 10, "plateau_patience": 5, "min_learning_rate": 0.0, "class_weights": None, "rotation": 0.0,
        "zoom": 0.0, "brightness": 0.0, "contrast": 0.0, "noise": 0.0, "random_erasing": None, "rand_augment": 0,
        "rand_augment_magnitude": 5.0, "mixup": 0.0, "cutmix": 0.0, "feature_noise": 0.0,
        "stratify": False, "beta_nll": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("preset", ["quick", "fast", "best", "digits", "cifar10"])
def test_the_splits_of_all_other_presets_rotate(preset):
    assert plan_request(None, {"preset": preset}).splits == "rotating"


@pytest.mark.parametrize(
    ("preset", "shape", "parameters"),
    [
        ("quick", (28, 28, 1), 331_450),
        ("fast", (28, 28, 1), 331_450),
        ("notebook", (28, 28, 1), 331_450),
        ("best", (28, 28, 1), 474_794),
        ("digits", (28, 28, 1), 331_450),
        ("cifar10", (32, 32, 3), 1_649_482),
    ],
)
def test_every_preset_has_a_network(preset, shape, parameters):
    request = plan_request(None, {"preset": preset})
    architecture = plan_architecture(request, shape, 10)
    run = plan_run(request, architecture, DATASET, max_attempts=3)

    assert run.architecture.resolve(input_shape=shape, classes=10).parameters == parameters


@pytest.mark.parametrize("preset", ["digits", "cifar10"])
def test_a_preset_for_a_data_set_takes_that_unless_another_is_named(preset):
    assert plan_request(None, {"preset": preset}).dataset == preset
    assert plan_request(None, {"preset": preset, "dataset": "mine.npz"}).dataset == "mine.npz"


def test_no_preset_was_forgotten_here():
    assert sorted(PRESETS) == ["best", "cifar10", "digits", "fast", "notebook", "quick", "tabular"]


@pytest.mark.parametrize("rows", [4, 20, 120, 1_000, 50_000])
def test_the_preset_tabular_suits_the_number_of_rows(rows):
    request = plan_request(None, {}, table_rows=rows)

    trained_on = math.floor(rows * (1 - request.validation_fraction))
    steps = math.ceil(trained_on / request.batch_size)
    assert request.preset == "tabular"
    assert request.epochs == 50 or request.epochs * steps >= 500
    # The last batch is not much smaller than the others.
    assert trained_on - (steps - 1) * request.batch_size > request.batch_size / 2
    assert plan_request(None, {"epochs": 3, "batch_size": 7}, table_rows=rows).epochs == 3


def test_a_table_is_trained_with_dense_layers():
    request = plan_request(None, {}, table_rows=100)

    assert plan_architecture(request, (9,), 3).resolve(input_shape=(9,), classes=3).parameters == 19_203
    with pytest.raises(InputError, match=r"conv2d_1 needs an image .*, found the shape \(9,\): rows of a table"):
        plan_architecture(plan_request(None, {"preset": "quick"}, table_rows=100), (9,), 3)
    with pytest.raises(InputError, match="flip changes images, but the data set has inputs of the shape"):
        plan_architecture(plan_request(None, {"flip": True}, table_rows=100), (9,), 3)


def test_the_preset_best_can_be_trained_with_another_network(write):
    layers = "layers = [{type='flatten'}, {type='dense', units='classes', activation='softmax'}]"
    request = plan_request(write(f"preset = 'best'\n{layers}"), {})

    assert plan_architecture(request, (28, 28, 1), 10) == TINY
    assert request.epochs == PRESETS["best"]["epochs"]
