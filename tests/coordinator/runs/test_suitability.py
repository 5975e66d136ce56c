"""Whether a recipe suits a data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.coordinator.runs.suitability import (
    check_augmentation,
    check_class_weights,
    check_feature_noise,
    check_parts,
)
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Recipe
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.worker.training import calibration_images, member_split

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


@given(st.integers(1, 200), st.floats(0.01, 0.99), st.floats(0, 0.9))
def test_a_member_always_has_images_to_train_on_and_for_its_validation(size, validation, calibration):
    usual = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 8, "epochs": 1, "patience": 1}
    parts = {"validation_fraction": validation, "calibration_fraction": calibration, "splits": "rotating"}
    recipe = Recipe.model_validate(usual | parts)
    run = plan_run(plan_request(None, {"seed": 1}), TINY, DATASET, max_attempts=1)
    run = run.model_copy(
        update={"recipe": recipe, "dataset": DATASET.model_copy(update={"train_size": size})},
    )
    labels = np.zeros(size, dtype=np.int64)

    try:
        split = member_split(run, plan_member(run.run_id, run.seed, 0), labels)
    except InputError:
        with pytest.raises(InputError, match="each needs at least one"):
            check_parts(recipe, size)
    else:
        check_parts(recipe, size)
        assert min(len(split.training), len(split.validation)) > 0
        assert len(split.training) + len(split.validation) + len(calibration_images(run, labels)) == size


@pytest.mark.parametrize("shape", [(28, 28, 1), (1, 30, 1), (30,)])
def test_a_recipe_without_augmentation_suits_all_inputs(shape):
    request = plan_request(None, {})

    check_augmentation(request, shape)
    check_feature_noise(request, shape, are_floats=False)


@pytest.mark.parametrize(
    "change",
    [
        *({"flip": True}, {"shift": 1}, {"cutout": 1}, {"brightness": 0.1}, {"contrast": 0.1}, {"noise": 0.1}),
        *({"rotation": 5}, {"zoom": 0.1}, {"random_erasing": [0.1, 0.2]}, {"cutmix": 1}, {"rand_augment": 1}),
    ],
)
def test_what_changes_images_is_refused_for_rows_of_features(change):
    (name,) = change
    request = plan_request(None, change)

    check_augmentation(request, (28, 28, 3))
    with pytest.raises(InputError, match=rf"{name} changes images, but .* inputs of the shape \(30,\)"):
        check_augmentation(request, (30,))


def test_what_moves_pixels_is_refused_for_images_of_one_line():
    with pytest.raises(InputError, match=r"zoom is for images of at least 2x2 pixels; those of the data set have 1x30"):
        check_augmentation(plan_request(None, {"zoom": 0.1}), (1, 30, 1))

    check_augmentation(plan_request(None, {"mixup": 0.2, "noise": 0.1, "flip": True}), (1, 30, 1))


def test_noise_of_features_is_refused_for_whole_numbers_and_for_images():
    request = plan_request(None, {"feature_noise": 0.1})

    for shape in ((30,), (1, 30, 1)):
        check_feature_noise(request, shape, are_floats=True)
    with pytest.raises(InputError, match="is for floats, but the data set has whole numbers from 0 to 255"):
        check_feature_noise(request, (30,), are_floats=False)
    with pytest.raises(InputError, match="but the data set has images of 28x28 pixels"):
        check_feature_noise(request, (28, 28, 1), are_floats=True)


def test_weights_of_classes_that_there_are_not_are_refused():
    check_class_weights(plan_request(None, {"class_weights": "balanced"}), ("cat", "dog"))
    check_class_weights(plan_request(None, {"class_weights": {"cat": 2, 1: 3}}), ("cat", "dog"))

    with pytest.raises(InputError, match="class_weights: the data set has no class 'cow'"):
        check_class_weights(plan_request(None, {"class_weights": {"cow": 2}}), ("cat", "dog"))


def test_weights_of_0_for_all_classes_that_occur_are_refused():
    request = plan_request(None, {"class_weights": {"cat": 0}})

    check_class_weights(request, ("cat", "dog"), np.array([0, 1]))
    with pytest.raises(InputError, match="all classes of which there are training images have the weight 0"):
        check_class_weights(request, ("cat", "dog"), np.array([0, 0]))


@pytest.mark.parametrize("name", ["decay_epochs", "plateau_patience"])
def test_numbers_of_epochs_that_no_float_holds_are_refused(name: str):
    with pytest.raises(InputError, match=name):
        plan_request(None, {name: 10**400})
