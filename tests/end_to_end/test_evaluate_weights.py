"""Weight files evaluated as one ensemble: those of a run give what the run gave."""

import json

import h5py
import numpy as np
import pytest

from shared.endings import EnsembleEvaluation


@pytest.fixture
def evaluate(place, recipe):
    def run(weights, *options):
        return place.run(
            "evaluate", "--weights", weights, "--dataset", recipe.parent / "clothes.npz",
            "--architecture", recipe.parent / "network.toml", "--out", "report", *options,
        )  # fmt: skip

    return run


def test_the_collected_weights_give_the_accuracy_of_the_run(local_run, evaluate, place, recipe):
    ended = evaluate(local_run.results, "--json")

    expected = EnsembleEvaluation.decode((local_run.results / "evaluation.json").read_bytes(), "evaluation.json")
    assert (ended.returncode, "error: " in ended.stderr) == (0, False)
    answer = json.loads(ended.stdout)
    assert answer["ensemble"]["test_accuracy"] == pytest.approx(expected.test.accuracy, abs=5e-5)  # one image: 3e-3
    page = (place.folder / "report" / "index.html").read_text()
    assert f"deepchord evaluate --weights {local_run.results} --dataset {recipe.parent}/clothes.npz" in page
    assert f" --architecture {recipe.parent}/network.toml" in page
    assert place.processes() == []


def test_a_pattern_in_quotes_names_some_of_the_files_and_images_may_have_their_channels_first(
    local_run, evaluate, place, recipe, tmp_path
):
    with np.load(recipe.parent / "clothes.npz") as whole:
        images = {name: whole[name][:, None] for name in ("x_train", "x_test")}
        np.savez(tmp_path / "first.npz", **{**whole, **images})
    pattern, options = f"{local_run.results}/best_weights_[1].hdf5", ("--dataset", tmp_path / "first.npz")

    refused(evaluate(pattern, *options), "first.npz: x_train has the shape", "--images-channels-first")
    ended = evaluate(pattern, *options, "--images-channels-first")

    expected = EnsembleEvaluation.decode((local_run.results / "evaluation.json").read_bytes(), "evaluation.json")
    assert ended.returncode == 0
    assert f"test accuracy {expected.members[1].test.accuracy * 100:.2f} %" in " ".join(ended.stdout.split())
    assert "/first.npz --images-channels-first" in (place.folder / "report" / "index.html").read_text()


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
