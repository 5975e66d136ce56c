import importlib.util
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchord.coordinator.cli.context import read_settings
from deepchord.coordinator.running import open_broker
from deepchord.coordinator.runs import check_broker, is_embedded, prepare
from deepchord.shared.broker import connect
from deepchord.shared.datasets import Dataset, dataset_of_table, load_dataset
from deepchord.shared.errors import BrokerError, DatasetError, EngineError, InputError, StorageError
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.tables import table_of_frame
from tests.shared.datasets.image_files.pictures import write_classes

TINY = "layers = [{ type = 'flatten' }, { type = 'dense', units = 'classes', activation = 'softmax' }]\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(storage=str(tmp_path / "storage"), state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    images, labels = np.zeros((20, 6, 6), dtype=np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    (tmp_path / "recipe.toml").write_text("dataset = 'data.npz'\n" + TINY)
    return tmp_path / "recipe.toml"


def test_the_run_is_planned_and_its_data_published(settings, recipe):
    store, run = prepare(settings, recipe, {"members": 4, "seed": 3})

    assert (run.members, run.seed, run.dataset.name, run.max_attempts) == (4, 3, "data.npz", settings.max_attempts)
    assert load_dataset(run.dataset, store, settings.cache).x_train.shape == (20, 6, 6, 1)
    assert store.run_ids() == []


def test_the_attempts_are_those_of_the_settings(settings, recipe):
    settings = settings.model_copy(update={"max_attempts": 7})

    assert prepare(settings, recipe, {})[1].max_attempts == 7


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize("option", [{"min_members": 5}, {"schedule": "cosine", "warmup_epochs": 40.0}])
def test_what_the_preset_of_tables_allows_is_allowed(settings, tmp_path, in_memory, option):
    rows = pd.DataFrame({"size": np.arange(60.0) % 7, "kind": ["cat", "dog", "dog"] * 20})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    given = dataset_of_table(table_of_frame(rows), name="data frame") if in_memory else None

    _, run = prepare(settings, None, {"dataset": str(tmp_path / "rows.csv"), **option}, given)

    assert (run.preset, run.members) == ("tabular", 8)
    assert run.recipe.epochs == 50
    assert run.dataset.name == ("data frame" if in_memory else "rows.csv")


def test_a_warm_up_is_compared_with_the_epochs_that_suit_the_rows(settings, tmp_path):
    pd.DataFrame({"size": np.arange(5000.0) % 7, "kind": ["cat", "dog"] * 2500}).to_csv(tmp_path / "rows.csv")
    options = {"dataset": str(tmp_path / "rows.csv"), "schedule": "cosine", "warmup_epochs": 40.0}

    with pytest.raises(InputError, match="warmup_epochs is 40, which must be less than epochs, 32"):
        prepare(settings, None, options)


def test_the_usual_preset_of_images_in_memory_is_quick_whatever_the_recipe_names(settings, recipe, tmp_path):
    (tmp_path / "data.csv").write_text("size,kind\n1,2\n")
    images, labels = np.zeros((20, 6, 6, 1), dtype=np.uint8), np.arange(20) % 2
    given = Dataset(
        name="images", x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=("cat", "dog")
    )
    recipe.write_text("dataset = 'data.csv'\n" + TINY)

    assert prepare(settings, recipe, {}, given)[1].preset == "quick"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"class_weights": {"7": 2}}, "class_weights: the data set has no class '7'; valid are 0, 1."),
        ({"feature_noise": 0.1}, "feature_noise is for floats, but the data set has whole numbers"),
        ({"shift": 6}, "shift = 6 and cutout = 0 could leave nothing"),
    ],
)
def test_what_does_not_suit_the_data_is_refused_before_anything_is_published(settings, recipe, options, sentence):
    with pytest.raises(InputError, match=sentence):
        prepare(settings, recipe, options)

    assert not list((settings.state.parent / "storage").rglob("*.npz"))


def test_the_same_data_lies_in_storage_once(settings, recipe):
    for _ in range(2):
        store, _run = prepare(settings, recipe, {})

    assert len(list(store.objects.list("datasets/"))) == 1


def test_without_an_engine_it_is_said_what_to_install_before_anything_is_published(settings, recipe, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(EngineError, match=r"No engine is installed .*: pip install '\.\[tensorflow\]' in your clone"):
        prepare(settings, recipe, {})
    with pytest.raises(EngineError, match=r"jax cannot be used here .*: pip install '\.\[jax\]' in your clone"):
        prepare(settings.model_copy(update={"engine": "jax"}), recipe, {})

    assert not Path(settings.storage).exists()


def test_a_coordinator_needs_no_engine_for_workers_elsewhere(settings, recipe, monkeypatch, broker_url):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    assert prepare(settings.model_copy(update={"broker": broker_url}), recipe, {"members": 2})[1].members == 2


@pytest.mark.parametrize("said", ["channels_first = true\n", ""])
def test_channels_that_come_first_are_turned_before_the_data_is_published(settings, recipe, said):
    images, labels = np.zeros((20, 3, 6, 6), dtype=np.uint8), np.arange(20) % 2
    np.savez(recipe.parent / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    recipe.write_text(said + recipe.read_text())

    store, run = prepare(settings, recipe, {} if said else {"channels_first": True})

    assert run.dataset.input_shape == (6, 6, 3)
    assert load_dataset(run.dataset, store, settings.cache).x_train.shape == (20, 6, 6, 3)


def test_detach_without_a_broker_is_refused(settings, recipe):
    for local in (True, False):
        asked = settings.model_copy(update={"local": local, "detach": True})
        with pytest.raises(InputError, match="--detach needs a broker"):
            prepare(asked, recipe, {})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("members = 0", InputError),
        ("dataset = 'none.npz'", DatasetError),
        ("dataset = 'data.npz'\nlayers = [{ type = 'flatten' }]", InputError),
        (
            "dataset = 'data.npz'\nlayers = [{ type = 'conv2d', filters = 1, kernel_size = 9, padding='valid' }]",
            InputError,
        ),
    ],
)
def test_nothing_is_written_unless_everything_else_is_in_order(settings, recipe, text, error):
    recipe.write_text(text)

    with pytest.raises(error):
        prepare(settings, recipe, {})

    assert not Path(settings.storage).exists()


def test_nothing_is_written_when_the_broker_does_not_answer(settings, recipe, free_port):
    settings = settings.model_copy(update={"broker": f"redis://127.0.0.1:{free_port}/0"})

    with pytest.raises(BrokerError, match="does not answer"):
        prepare(settings, recipe, {})

    assert not Path(settings.storage).exists()


def test_nothing_is_written_when_the_broker_is_of_no_use(settings, recipe, full_broker_url):
    settings = settings.model_copy(update={"broker": full_broker_url})

    with pytest.raises(BrokerError, match="has no memory left"):
        prepare(settings, recipe, {})
    with pytest.raises(BrokerError, match="has no memory left"):  # as resume and extend do
        check_broker(settings, None)

    assert not Path(settings.storage).exists()


def test_storage_that_cannot_be_written_is_named(settings, recipe):
    Path(settings.storage).write_text("a file")

    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        prepare(settings, recipe, {})


def test_local_does_without_the_broker_that_is_configured(settings, recipe, free_port):
    settings = settings.model_copy(update={"broker": f"redis://127.0.0.1:{free_port}/0", "local": True})

    assert is_embedded(settings)
    assert prepare(settings, recipe, {})[1].members == 3


def test_a_broker_that_is_named_as_an_option_is_used_although_the_settings_say_local(monkeypatch, broker_url):
    monkeypatch.setenv("DEEPCHORD_LOCAL", "true")

    assert is_embedded(read_settings(broker=None))
    assert not is_embedded(read_settings(broker=broker_url))
    assert is_embedded(read_settings(broker=broker_url, local=True))


def test_a_broker_that_was_given_is_used_as_it_is(settings, recipe, broker_url):
    settings = settings.model_copy(update={"broker": broker_url})

    assert not is_embedded(settings)
    with open_broker(settings, prepare(settings, recipe, {})[1], print) as session:
        assert (session.settings, session.embedded, session.flower_address) == (settings, False, None)
        session.check()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_without_one_a_broker_and_workers_run_here_for_as_long_as_the_block(settings, recipe):
    assert is_embedded(settings)
    with open_broker(settings, prepare(settings, recipe, {})[1], print) as session:
        assert session.embedded
        connect(session.settings).close()
        with create_app(session.settings) as app:
            while not app.control.ping(timeout=1.0):
                session.check()

    with pytest.raises(BrokerError, match="does not answer"):
        connect(session.settings)


@pytest.mark.parametrize(
    ("engine", "require", "fits"),
    [("auto", "jax", False), ("jax", "jax", True), ("auto", None, True), ("jax", "gpu", False)],
)
def test_what_the_members_require_must_be_what_is_started_here(settings, engine, require, fits):
    settings = settings.model_copy(update={"engine": engine})
    expected = nullcontext() if fits else pytest.raises(InputError, match=f"--require {require} is for the workers")

    with expected:
        check_broker(settings, require)


@pytest.mark.parametrize("device", ["gpu", "cpu"])
def test_a_kind_of_device_that_is_required_may_be_what_the_settings_say(settings, device):
    with pytest.raises(InputError, match=f"set DEEPCHORD_DEVICE={device}"):
        check_broker(settings, device)

    chosen = settings.model_copy(update={"device": device, "preflight": True})
    check_broker(chosen, device)
    with pytest.raises(InputError, match=f"DEEPCHORD_DEVICE={device}, and no DEEPCHORD_PREFLIGHT"):
        check_broker(chosen.model_copy(update={"preflight": False}), device)


def test_a_network_whose_states_storage_does_not_take_is_refused(settings, recipe, broker_url):
    recipe.write_text(
        "dataset = 'data.npz'\nlayers = [{ type = 'flatten' }, { type = 'dense', units = 3000 }, "
        "{ type = 'dense', units = 3000 }, { type = 'dense', units = 'classes', activation = 'softmax' }]"
    )
    in_broker = settings.model_copy(update={"broker": broker_url, "storage": "broker://"})

    with pytest.raises(InputError, match=r"9,120,002 parameters.* takes up to 139 MiB; .* at most 128 MiB"):
        prepare(in_broker, recipe, {})

    assert prepare(settings, recipe, {})[1].members == 3
    recipe.write_text(recipe.read_text().replace("dataset", "optimizer = 'sgd'\ndataset", 1))
    assert prepare(in_broker, recipe, {})[1].recipe.optimizer == "sgd"


def test_a_data_set_that_the_broker_does_not_take_is_refused_before_it_is_examined(settings, broker_url, monkeypatch):
    pixels = np.broadcast_to(np.zeros((), np.uint8), (140 * 2**10, 32, 32, 1))
    labels = np.arange(len(pixels)) % 2
    given = Dataset(
        name="large", x_train=pixels, y_train=labels, x_test=pixels[:2], y_test=labels[:2], class_names=("cat", "dog")
    )
    in_broker = settings.model_copy(update={"broker": broker_url, "storage": "broker://"})
    monkeypatch.setattr("deepchord.coordinator.runs.preparation.all_findings", None)

    with pytest.raises(StorageError, match=r"^The data set has 141 MiB, and storage broker://.* at most 128 MiB: "):
        prepare(in_broker, None, {"preset": "quick"}, given)


def test_a_folder_of_images_is_described_and_what_is_suspicious_is_warned_of(settings, recipe, caplog):
    folder = write_classes(recipe.parent / "photos", 20)
    for number in range(5):
        (folder / "cat" / f"copy{number}.png").write_bytes((folder / "dog" / f"{number}.png").read_bytes())
    options = {"dataset": str(folder), "image_size": "6", "seed": 1}

    _, run = prepare(settings, recipe, options)

    assert (run.dataset.name, run.dataset.input_shape) == ("photos", (6, 6, 1))
    assert [record.action for record in caplog.records] == ["dataset_contradictions"]
    kinds = [finding.kind for finding in run.dataset.findings]
    assert kinds == ["scaled", "contradictions", "copies", "drawn_test"]
    assert run.dataset.split.seed == 0


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    area = np.random.default_rng(0).uniform(30, 200, 60)
    pd.DataFrame({"area": area, "price": 1000 * area}).to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path / "houses.csv"


def test_numbers_are_predicted_with_the_presets_network_and_what_is_for_them(settings, houses):
    _, run = prepare(settings, None, {"dataset": str(houses), "target": "price"})

    network = run.dataset.network(run.architecture)
    assert run.preset == "tabular"
    assert network.layers[-1].output_shape == (2,)
    assert network.layers[-1].layer.activation == "linear"
    assert not run.recipe.stratify
    _, smoothing = prepare(settings, None, {"dataset": str(houses), "preset": "tabular", "beta_nll": 0.5})
    assert smoothing.recipe.beta_nll == 0.5
    held_out = {"members": "auto", "calibration_fraction": 0.2}
    _, growing = prepare(settings, None, {"dataset": str(houses), "target": "price", **held_out})
    assert (growing.members, growing.auto.least_fall) == (4, 0.005)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label_smoothing": 0.1}, "label_smoothing is for runs that predict classes, and this one predicts numbers"),
        ({"class_weights": "balanced"}, "class_weights is for runs that predict classes"),
        ({"mixup": 0.2}, "mixup is for runs that predict classes"),
        ({"layers": [{"type": "dense", "units": "classes"}]}, 'numbers are predicted: expected units = "outputs"'),
        (
            {"layers": [{"type": "dense", "units": 2, "activation": "relu"}]},
            "has the activation 'relu', with which it could not predict every number",
        ),
        (
            {"layers": [{"type": "dense", "units": 3}]},
            "expected 2, a mean and a variance for each of 1 predicted numbers",
        ),
    ],
)
def test_what_is_for_classes_is_refused_for_numbers(settings, houses, options, said):
    with pytest.raises(InputError, match=said):
        prepare(settings, None, {"dataset": str(houses), "target": "price", **options})


@pytest.fixture
def meadows(tmp_path):
    """A table with two labels."""
    lines = [f"{place},{place % 7},{place % 2},{'yes' if place % 3 else 'no'}" for place in range(60)]
    path = tmp_path / "meadows.csv"
    path.write_text("\n".join(["height,wet,orchid,rush", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label_smoothing": 0.1}, "label_smoothing is for runs that predict classes, and this one predicts labels"),
        ({"class_weights": "balanced"}, "class_weights is for runs that predict classes, and this one predicts labels"),
        ({"beta_nll": 0.5}, "beta_nll is for runs that predict numbers, and this one predicts labels"),
        (
            {"members": "auto", "calibration_fraction": 0.2},
            'members = "auto" is for runs that predict classes or numbers, and this',
        ),
        (
            {"initial_weights": "it.h5", "layers": [{"type": "dense", "units": 2, "activation": "sigmoid"}]},
            "initial_weights are for runs that predict classes or numbers; this one predicts labels",
        ),
        ({"layers": [{"type": "dense", "units": "classes"}]}, 'labels are predicted: expected units = "outputs"'),
        (
            {"layers": [{"type": "dense", "units": "outputs"}]},
            "must have the activation 'sigmoid', so that members give",
        ),
        (
            {"layers": [{"type": "dense", "units": 3, "activation": "sigmoid"}]},
            r"expected \(2,\), one output per label",
        ),
    ],
)
def test_labels_are_planned_and_what_is_for_others_is_refused(settings, meadows, options, said):
    asked = {"dataset": str(meadows), "target": "orchid,rush", "task": "multilabel"}

    with pytest.raises(InputError, match=said):
        prepare(settings, None, {**asked, **options})

    _, run = prepare(settings, None, asked)
    last = run.dataset.network(run.architecture).layers[-1]
    assert run.dataset.label_names == ("orchid", "rush")
    assert (last.output_shape, last.layer.activation, run.recipe.stratify) == ((2,), "sigmoid", False)


def test_what_plaidml_cannot_learn_is_refused_where_it_is_required(tmp_path, houses, broker_url):
    settings = load_settings(broker=broker_url, storage=str(tmp_path / "storage"), cache=tmp_path / "cache")

    with pytest.raises(InputError, match="PlaidML cannot hold a gradient back"):
        prepare(settings, None, {"dataset": str(houses), "target": "price", "require": "plaidml", "beta_nll": 0.5})


def test_what_is_for_numbers_is_refused_for_classes(settings, recipe):
    with pytest.raises(InputError, match="beta_nll is for runs that predict numbers, and this one predicts classes"):
        prepare(settings, recipe, {"beta_nll": 0.5})


def test_presets_leave_out_what_is_for_classes(settings, tmp_path):
    images, numbers = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8), np.linspace(0, 1, 60)
    np.savez(tmp_path / "ages.npz", x_train=images, y_train=numbers, x_test=images[:9], y_test=numbers[:9])

    _, run = prepare(settings, None, {"dataset": str(tmp_path / "ages.npz"), "preset": "fast", "task": "regression"})

    assert run.recipe.label_smoothing == 0.0
    assert run.dataset.network(run.architecture).layers[-1].output_shape == (2,)
