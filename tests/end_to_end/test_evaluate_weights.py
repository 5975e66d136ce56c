"""Weight files evaluated as one ensemble: those of a run give what the run gave."""

import json

import h5py
import numpy as np
import pytest

from deepchord.shared.checkpoints import decode_checkpoint
from deepchord.shared.messages import EnsembleEvaluation
from deepchord.shared.network import Architecture
from tests.contract.numpy_network import expected_probabilities
from tests.shared.saved_models.saved import model_file
from tests.strangers import StrangersFolder

CONFIGURATION = {
    "class_name": "Sequential",
    "config": [
        {"class_name": "Flatten", "config": {"name": "flatten_1", "batch_input_shape": [None, 28, 28]}},
        {"class_name": "Dense", "config": {"name": "dense_1", "units": 6, "activation": "tanh"}},
        {"class_name": "Dense", "config": {"name": "dense_2", "units": 10, "activation": "softmax"}},
    ],
}


def dense_layers(arrays):
    named = [f"dense_{number}/{kind}:0" for number in (1, 2) for kind in ("kernel", "bias")]
    stored = list(zip(named, arrays, strict=True))
    return {"flatten_1": [], "dense_1": stored[:2], "dense_2": stored[2:]}


@pytest.fixture
def evaluate(place, recipe):
    def run(weights, *options):
        return place.run(
            "evaluate", "--weights", weights, "--dataset", recipe.parent / "clothes.npz",
            "--architecture", recipe.parent / "network.toml", "--out", "report", *options,
        )  # fmt: skip

    return run


def test_the_collected_weights_give_the_accuracy_of_the_run_whatever_lies_around(local_run, evaluate, place, recipe):
    around = StrangersFolder(place.folder)
    ended = evaluate(local_run.results, "--json")

    expected = EnsembleEvaluation.decode((local_run.results / "evaluation.json").read_bytes(), "evaluation.json")
    assert (ended.returncode, "error: " in ended.stderr) == (0, False)
    answer = json.loads(ended.stdout)
    assert answer["ensemble"]["test_accuracy"] == pytest.approx(expected.test.accuracy, abs=5e-5)  # one image: 3e-3
    assert around.imported() == []
    page = (place.folder / "report" / "index.html").read_text()
    assert f"deepchord evaluate --weights {local_run.results} --dataset {recipe.parent}/clothes.npz" in page
    assert f" --architecture {recipe.parent}/network.toml" in page
    assert place.processes() == []


def test_networks_of_one_ensemble_may_differ_and_a_run_tells_its_own(local_run, recipe, place):
    with np.load(recipe.parent / "clothes.npz") as data:
        images, labels = data["x_test"][..., None].astype(np.float32) / 255, data["y_test"]
    generator = np.random.default_rng(5)
    arrays = [generator.normal(size=shape).astype(np.float32) / 9 for shape in ((784, 6), (6,), (6, 10), (10,))]
    model = model_file(place.folder / "lr=[0.1] ü.h5", dense_layers(arrays), CONFIGURATION, backend="tensorflow")

    ended = place.run(
        "evaluate", "--dataset", recipe.parent / "clothes.npz", "--out", "report", "--json",
        "--weights", f"{local_run.results}/best_weights_[1].hdf5", "--architecture", local_run.results / "recipe.toml",
        "--weights", model, "--architecture", model,
    )  # fmt: skip

    resolved = Architecture.load(recipe.parent / "network.toml").resolve(input_shape=(28, 28, 1), classes=10)
    weights = decode_checkpoint((local_run.results / "best_weights_1.hdf5").read_bytes(), resolved, "")
    hidden = np.tanh(images.reshape(-1, 784) @ arrays[0] + arrays[1])
    scores = np.exp(hidden @ arrays[2] + arrays[3])
    mean = expected_probabilities(resolved, weights, images) + scores / scores.sum(axis=1, keepdims=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    answer = json.loads(ended.stdout)
    assert answer["ensemble"]["test_accuracy"] == pytest.approx((mean.argmax(axis=1) == labels).mean(), abs=5e-5)
    loss = -np.log(mean[np.arange(len(labels)), labels] / 2).mean()
    assert answer["ensemble"]["test_loss"] == pytest.approx(loss, abs=2e-5)


def test_a_pattern_in_quotes_names_some_of_the_files_and_images_may_have_their_channels_first(
    local_run, evaluate, place, recipe, tmp_path
):
    with np.load(recipe.parent / "clothes.npz") as whole:
        images = {name: whole[name][:, None] for name in ("x_train", "x_test")}
        np.savez(tmp_path / "first.npz", **{**whole, **images})
        np.savez(tmp_path / "lot.npz", x_train=whole["x_test"], y_train=whole["y_test"])
    pattern, options = f"{local_run.results}/best_weights_[1].hdf5", ("--dataset", tmp_path / "first.npz")

    refused(evaluate(pattern, *options), "first.npz: x_train has the shape", "--images-channels-first")
    ended = evaluate(pattern, *options, "--images-channels-first")
    page = (place.folder / "report" / "index.html").read_text()
    of_lot = evaluate(pattern, "--dataset", tmp_path / "lot.npz", "--out", "lot")

    expected = EnsembleEvaluation.decode((local_run.results / "evaluation.json").read_bytes(), "evaluation.json")
    assert ended.returncode == 0
    assert f"test accuracy {expected.members[1].test.accuracy * 100:.2f} %" in " ".join(ended.stdout.split())
    assert "/first.npz --images-channels-first" in page
    # Nothing says which images of the lot are for a test: all of them score.
    assert f"test accuracy {expected.members[1].test.accuracy * 100:.2f} %" in " ".join(of_lot.stdout.split())
    assert "Nothing says which images of lot.npz are for a test" in of_lot.stderr


def refused(ended, *words):
    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    for word in words:
        assert str(word) in sentence


def test_files_of_another_network_are_refused_by_name(local_run, recipe, place):
    ended = place.run("evaluate", "--weights", local_run.results, "--dataset", recipe.parent / "clothes.npz")

    refused(ended, local_run.results / "best_weights_0.hdf5", "does not fit the network", "--architecture")


def test_a_file_that_is_cut_short_is_refused_by_name(local_run, evaluate, tmp_path):
    whole = (local_run.results / "best_weights_0.hdf5").read_bytes()
    (tmp_path / "whole_0.hdf5").write_bytes(whole)
    (tmp_path / "short_1.hdf5").write_bytes(whole[: len(whole) // 2])

    refused(evaluate(tmp_path), tmp_path / "short_1.hdf5", "cut short")


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_weight_file_is_refused_by_name(evaluate, tmp_path, content):
    (tmp_path / "odd.hdf5").write_bytes(content)

    refused(evaluate(tmp_path / "odd.hdf5"), tmp_path / "odd.hdf5", "not a readable HDF5 file")


def test_weights_that_are_no_numbers_are_refused_by_name(local_run, evaluate, tmp_path):
    path = tmp_path / "nan.hdf5"
    path.write_bytes((local_run.results / "best_weights_0.hdf5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["dense_1/dense_1/bias:0"][0] = np.nan

    refused(evaluate(path), path, "NaN or infinite weights")


def test_a_pattern_that_fits_nothing_is_refused(evaluate, tmp_path):
    refused(evaluate(f"{tmp_path}/*.hdf5"), f"{tmp_path}/*.hdf5", "No weight file fits")
