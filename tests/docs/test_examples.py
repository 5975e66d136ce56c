"""The Python in the documentation runs as it stands there."""

import sys

import numpy as np
import pytest
from PIL import Image

import deepchord
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.host import installed_engines
from tests.docs.documents import ROOT, code_blocks


def _run(page: str) -> dict[str, object]:
    """Run the code blocks of a page, one after the other; return what they have defined."""
    blocks = code_blocks(ROOT / page, "python")
    assert blocks, f"{page} has no code"
    names: dict[str, object] = {"__name__": page}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.slow
def test_the_tutorial_trains_and_asks(place):
    blocks = code_blocks(ROOT / "docs" / "tutorial.md", "python")

    program = place.start(command=[sys.executable, "-P", "-c", "\n".join(blocks)], DEEPCHORD_WORKERS="1")

    assert program.ended() == 0, program.err
    (right,) = [line for line in program.out if line.endswith("not answered")]
    assert float(right.partition("%")[0]) > 80
    usual, of_noise = map(float, program.out[-1].split())
    assert of_noise > 2 * usual
    assert (place.folder / "digits" / "index.html").exists()
    assert len(deepchord.load(place.folder / "digits.onnx")) == 5
    assert place.processes() == []


@pytest.fixture
def desk(local_run, tmp_path, monkeypatch):
    """A folder to work in, with a picture of a shoe; the last run is one of Fashion-MNIST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(local_run.place.storage))
    Image.effect_noise((60, 40), 80).save("shoe.png")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_example_asks_the_last_run(desk, page):
    found = _run(page)["found"]

    assert len(found.names()) == 1
    assert found.abstains.shape == (1,)


@pytest.mark.slow
def test_the_examples_of_prediction_ask_a_run_and_a_file(desk):
    deepchord.load("last").to_onnx("model.onnx")

    defined = _run("docs/prediction.md")

    assert len(defined["prediction"].set_names()) == 1
    assert defined["probabilities"].shape == (1, 10)


@pytest.mark.slow
def test_a_table_is_trained_on_predicted_and_exported(place):
    (block,) = code_blocks(ROOT / "docs" / "tables.md", "python")
    more = "run.report('flowers'); deepchord.load(run.ensemble.to_onnx('flowers.onnx')).predict(flowers).names()"

    program = place.start(command=[sys.executable, "-P", "-c", f"{block}\n{more}"], DEEPCHORD_WORKERS="1")

    assert program.ended() == 0, program.err
    assert program.out[-1].startswith("('2', '2', '2')")
    page = (place.folder / "flowers" / "index.html").read_text().replace("\u00a0", " ")
    assert "120 training rows and 30 test rows, 4 columns; predicted is <bdi>target</bdi>." in page


@pytest.mark.slow
def test_numbers_are_trained_on_and_predicted_with_their_intervals(place):
    (block,) = code_blocks(ROOT / "docs" / "regression.md", "python")
    more = "run.ensemble.to_onnx('it.onnx'); print((lower < prediction.mean).all() and (prediction.mean < upper).all())"

    program = place.start(command=[sys.executable, "-P", "-c", f"{block}\n{more}"], DEEPCHORD_WORKERS="1")

    assert program.ended() == 0, program.err
    assert program.out[-1] == "True"
    assert deepchord.load(place.folder / "it.onnx").target_names == ("target",)


#: In place of what the guide to fine-tuning downloads, and of a network that takes minutes to learn.
SMALL = """
import keras
import numpy as np

def load_data():
    y = np.arange(1200) % 10
    x = np.random.default_rng(0).integers(0, 100, (1200, 28, 28)) + 15 * y[:, None, None]
    return (x.astype(np.uint8), y), (x[:200].astype(np.uint8), y[:200])

def small(input_shape, alpha, include_top, weights):
    inputs = keras.Input(input_shape)
    values = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, strides=4)(inputs))
    return keras.Model(inputs, keras.layers.ReLU(6.0)(values), name="small")

keras.datasets.fashion_mnist.load_data = load_data
keras.applications.MobileNetV2 = small
"""


@pytest.mark.slow
def test_a_model_of_keras_is_fine_tuned(place, require):
    require("JAX, for Keras", "jax" in installed_engines())
    blocks = code_blocks(ROOT / "docs" / "fine_tuning.md", "py")
    usual = "members=5, epochs=30"
    code = "\n".join([SMALL, *blocks])
    assert (len(blocks), code.count(usual)) == (2, 1)

    program = place.start(
        command=[sys.executable, "-P", "-c", code.replace(usual, "members=2, epochs=3")],
        DEEPCHORD_WORKERS="1",
        KERAS_BACKEND="jax",
    )

    assert program.ended() == 0, program.err
    names = deepchord.load("last", storage=str(place.storage)).class_names
    assert names == ("sandal", "shirt", "sneaker", "bag", "ankle boot")
    with np.load(place.folder / "few.npz") as few:
        assert np.bincount(few["y_train"]).tolist() == [40] * 5


@pytest.mark.slow
def test_labels_are_trained_on_predicted_and_reported(place):
    (block,) = code_blocks(ROOT / "docs" / "multilabel.md", "python")
    more = "run.ensemble.to_onnx('it.onnx'); run.report('topics'); print(prediction.probabilities.shape)"

    program = place.start(command=[sys.executable, "-P", "-c", f"{block}\n{more}"], DEEPCHORD_WORKERS="1")

    assert program.ended() == 0, program.err
    assert program.out[-1] == "(3, 3)"
    assert deepchord.load(place.folder / "it.onnx").label_names == ("label_0", "label_1", "label_2")
    page = (place.folder / "topics" / "index.html").read_text().replace("\u00a0", " ")
    assert "320 training rows and 80 test rows, 20 columns; 3 labels are predicted." in page


@pytest.mark.slow
def test_data_of_ones_own_is_submitted_and_saved(tmp_path, monkeypatch, broker_url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCHORD_BROKER", broker_url)  # nobody works there
    for index in range(60):
        path = tmp_path / "photos" / ("cat", "dog")[index % 2] / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 40), 30 + index).save(path)

    run = _run("docs/own_data.md")["run"]

    assert run.spec.dataset.class_names == ("cat", "dog")
    assert run.spec.dataset.input_shape == (32, 32, 3)
    run.cancel()
    saved = read_dataset(tmp_path / "photos.npz")
    assert saved.class_names == ("cat", "dog")
    assert np.bincount(saved.y_test).tolist() == [6, 6]
