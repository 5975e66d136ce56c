"""From an option to weights in storage that members start from, and to a recipe that starts them again."""

from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.report.findings import recipe_toml
from deepchord.coordinator.runs import prepare
from deepchord.shared.checkpoints import INITIAL_WEIGHTS_FILE, decode_checkpoint
from deepchord.shared.errors import CheckpointError, InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings, load_settings
from tests.shared.saved_models import saved


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(storage=str(tmp_path / "storage"), state=tmp_path / "state", cache=tmp_path / "cache")


def dataset(folder: Path, classes: int, kind: type = np.uint8) -> str:
    images = np.random.default_rng(0).integers(0, 256, (40, *saved.SHAPE)).astype(kind)
    labels = np.arange(40) % classes
    np.savez(folder / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    return str(folder / "data.npz")


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(saved.model_file(tmp_path / "model.h5", saved.keras_2(), saved.configuration_2(trainable=False)))


def test_the_weights_of_a_file_are_published_with_the_network_that_it_tells(settings, tmp_path, model, caplog):
    store, run = prepare(settings, None, {"dataset": dataset(tmp_path, 5), "initial_weights": model})

    assert [layer.trainable for layer in run.architecture.layers[:2]] == [False, True]
    assert (run.initial_weights.source, run.initial_weights.drawn, run.initial_weights.noise) == (
        "model.h5", ("dense_1",), 0.0
    )  # fmt: skip
    network = run.architecture.resolve(input_shape=saved.SHAPE, classes=5)
    stored = decode_checkpoint(store.inputs.initial_weights(run.initial_weights.sha256), network, "stored")
    np.testing.assert_array_equal(stored[0][0], saved.arrays()[0])
    assert "Layer dense_1 is drawn anew by each member, for model.h5 has 3 outputs, not 5." in caplog.text
    assert RunSpec.decode(run.encode(), "run.json") == run


def test_members_that_predict_numbers_start_from_all_but_the_head(settings, tmp_path, model, caplog):
    images = np.random.default_rng(0).integers(0, 256, (40, *saved.SHAPE)).astype(np.uint8)
    numbers = images.mean(axis=(1, 2, 3))
    np.savez(tmp_path / "ages.npz", x_train=images, y_train=numbers, x_test=images[:9], y_test=numbers[:9])
    options = {"dataset": str(tmp_path / "ages.npz"), "task": "regression", "initial_weights": model}

    store, run = prepare(settings, None, options)

    assert run.initial_weights.drawn == ("dense_1",)
    assert (run.architecture.layers[-1].units, run.architecture.layers[0].trainable) == ("outputs", False)
    network = run.dataset.network(run.architecture)
    stored = decode_checkpoint(store.inputs.initial_weights(run.initial_weights.sha256), network, "stored")
    np.testing.assert_array_equal(stored[0][0], saved.arrays()[0])
    assert "Layer dense_1 is drawn anew by each member, for model.h5 has 3 outputs, not 2." in caplog.text
    _, asked = prepare(settings, None, {**options, "new_head": True, "initial_noise": 0.1})
    assert (asked.initial_weights.drawn, asked.initial_weights.noise) == (("dense_1",), 0.1)


def test_the_report_names_them_in_a_recipe_for_the_same_members(settings, tmp_path, model, monkeypatch):
    options = {"dataset": dataset(tmp_path, 5), "initial_weights": model, "initial_noise": 0.25}
    store, run = prepare(settings, None, options)
    (tmp_path / INITIAL_WEIGHTS_FILE).parent.mkdir()
    (tmp_path / INITIAL_WEIGHTS_FILE).write_bytes(store.inputs.initial_weights(run.initial_weights.sha256))
    (tmp_path / "recipe.toml").write_text(recipe_toml(run))

    _, again = prepare(settings, tmp_path / "recipe.toml", {})

    assert again.initial_weights.model_copy(update={"source": "model.h5"}) == run.initial_weights
    assert (again.architecture, again.seed, again.recipe) == (run.architecture, run.seed, run.recipe)


def test_a_run_from_random_weights_is_stored_as_before(settings, tmp_path):
    layers = [layer.model_dump() for layer in saved.NETWORK.layers]
    _, run = prepare(settings, None, {"dataset": dataset(tmp_path, 3), "layers": layers})

    assert "initial_weights" not in run.encode().decode()
    assert "trainable" not in run.encode().decode()


def test_members_that_would_start_alike_are_told_of(settings, tmp_path, model, caplog):
    options = {"dataset": dataset(tmp_path, 3), "initial_weights": model}
    prepare(settings, None, options)
    assert "All members start from the same weights" in caplog.text

    caplog.clear()
    for more in ({"initial_noise": 0.1}, {"new_head": True}):
        prepare(settings, None, {**options, **more})
    assert "All members start from the same weights" not in caplog.text


def test_layers_that_would_stay_random_are_told_of(settings, tmp_path, caplog):
    layers = [layer.model_dump() for layer in saved.NETWORK.layers]
    layers[0]["trainable"] = False
    prepare(settings, None, {"dataset": dataset(tmp_path, 3), "layers": layers})

    assert "keep random weights without initial_weights (--initial-weights): conv2d_1." in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"new_head": True}, "new_head and initial_noise are for initial_weights"),
        ({"initial_noise": 0.1}, "new_head and initial_noise are for initial_weights"),
        ({"initial_weights": "nowhere.keras"}, r"nowhere\.keras cannot be read"),
        ({"preset": "best", "initial_weights": "bare.h5"}, r"bare\.h5 does not fit the network"),
    ],
)
def test_what_cannot_be_started_from_is_refused(settings, tmp_path, options, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved.weights_file(tmp_path / "bare.h5", saved.keras_2())

    with pytest.raises((InputError, CheckpointError), match=message):
        prepare(settings, None, {"dataset": dataset(tmp_path, 3), **options})


def test_a_network_of_which_nothing_is_trained_is_refused(settings, tmp_path):
    layers = [{**layer.model_dump(), "trainable": False} for layer in saved.NETWORK.layers]

    with pytest.raises(InputError, match="No layer of the network is trained"):
        prepare(settings, None, {"dataset": dataset(tmp_path, 3), "layers": layers})
