import json
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.checkpoints import encode_checkpoint
from deepchord.shared.datasets import Dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.errors import CheckpointError, InputError
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.saved_models.rescaling import NOTE
from deepchord.worker.evaluation import check_images, find_groups, read_members, weight_candidates, weight_notes
from deepchord.worker.training import initial_weights
from tests.shared.saved_models import saved

NETWORK = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TOML = """
layers = [{ type = "flatten" }, { type = "dense", units = "classes", activation = "softmax" }]
"""


def write(folder: Path, *names: str, units: int = 3) -> None:
    resolved = NETWORK.resolve(input_shape=(2, 2, 1), classes=units)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / name).write_bytes(encode_checkpoint(resolved, initial_weights(resolved, seed)))


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    path = tmp_path / "network.toml"
    path.write_text(TOML)
    return path


def members(pattern: Path, network_file: Path):
    groups, _ = find_groups([str(pattern)], [network_file])
    return read_members(groups, (2, 2, 1), 3)


def test_candidates_hold_the_weights_of_their_files_and_no_probabilities(tmp_path: Path, network_file: Path):
    write(tmp_path, "w1.hdf5", "w2.hdf5")

    candidates = weight_candidates(members(tmp_path, network_file))

    expected = [initial_weights(NETWORK.resolve(input_shape=(2, 2, 1), classes=3), seed) for seed in (0, 1)]
    assert [candidate.index for candidate in candidates] == [0, 1]
    assert [candidate.own_outputs for candidate in candidates] == [None, None]
    for candidate, wanted in zip(candidates, expected, strict=True):
        np.testing.assert_array_equal(candidate.weights()[0][0], wanted[0][0])


def test_a_file_is_read_again_when_it_is_its_turn(tmp_path: Path, network_file: Path):
    write(tmp_path, "w1.hdf5", "w2.hdf5")
    candidates = weight_candidates(members(tmp_path, network_file))

    (tmp_path / "w2.hdf5").unlink()

    candidates[0].weights()
    with pytest.raises(CheckpointError, match=r"w2\.hdf5 cannot be read: No such file"):
        candidates[1].weights()


def test_a_file_of_another_network_is_named_before_anything_is_computed(tmp_path: Path, network_file: Path):
    write(tmp_path, "w1.hdf5")
    write(tmp_path, "w2.hdf5", units=4)

    with pytest.raises(CheckpointError, match=r"w2\.hdf5 does not fit the network: .*4x4 and 4, expected 4x3 and 3"):
        members(tmp_path, network_file)


def test_files_that_bring_their_network_may_differ_and_those_of_one_follow_on_each_other(tmp_path: Path):
    for name, padding in (("w1", "valid"), ("w2", "same"), ("w3", "valid")):
        layers = saved.keras_2(":0")
        configuration = saved.configuration_2(padding=padding)
        if padding == "same":
            layers["dense_1"][0] = ("dense_1/kernel:0", np.ones((4 * 3 * 4, 3), "f4"))
        saved.model_file(tmp_path / f"{name}.h5", layers, configuration, backend="tensorflow")
    groups, _ = find_groups([str(tmp_path)], [])

    found = read_members(groups, saved.SHAPE, 3)

    assert [file.network.layers[0].layer.padding for file in found] == ["valid", "same", "valid"]
    assert [candidate.index for candidate in weight_candidates(found)] == [0, 2, 1]


def test_each_pattern_may_have_its_network(tmp_path: Path, network_file: Path):
    write(tmp_path / "a", "w1.h5", "w2.h5")
    saved.weights_file(tmp_path / "b.h5", saved.keras_2(":0"), backend="tensorflow")
    model = saved.model_file(tmp_path / "m.h5", saved.keras_2(":0"), saved.configuration_2(), backend="tensorflow")
    patterns = [str(tmp_path / "b.h5"), str(model)]

    groups, _ = find_groups(patterns, [model, model])
    found = read_members(groups, saved.SHAPE, 3)

    assert [len(file.network.layers) for file in found] == [5, 5]
    with pytest.raises(InputError, match="3 times and --weights 2 times; give one --architecture for all, or one for"):
        find_groups(patterns, [model] * 3)


def test_what_was_done_to_many_files_is_said_once(tmp_path: Path):
    for number in range(5):
        saved.model_file(
            tmp_path / f"w{number}.h5", saved.keras_2(), saved.configuration_2(), backend="theano", keras_version="2.1"
        )
    groups, _ = find_groups([str(tmp_path)], [])

    (note,) = weight_notes(read_members(groups, saved.SHAPE, 3))

    assert note.startswith(f"{tmp_path}/w0.h5, ")
    assert note.endswith("w2.h5 and 2 more: each was written on Theano: its kernels were mirrored")


def rescaling_model() -> dict[str, object]:
    """Keras 2's configuration of the network, which divides its images by 255 first."""
    configuration: dict = saved.configuration_2()
    rescaling = {"name": "rescaling", "scale": 1 / 255, "offset": 0.0, "batch_input_shape": [None, *saved.SHAPE]}
    configuration["config"]["layers"].insert(0, {"class_name": "Rescaling", "config": rescaling})
    return configuration


def test_a_network_that_divides_by_255_says_so_whoever_tells_it(tmp_path: Path):
    saved.model_file(tmp_path / "whole.h5", saved.keras_2(), rescaling_model(), backend="tensorflow")
    saved.weights_file(tmp_path / "alone.h5", saved.keras_2(), backend="tensorflow")
    (tmp_path / "model.json").write_text(json.dumps(rescaling_model()))
    groups, _ = find_groups([str(tmp_path / name) for name in ("whole.h5", "alone.h5")], [tmp_path / "model.json"])

    files = read_members(groups, saved.SHAPE, 3)

    assert [(file.notes, file.rescales) for file in files] == [((NOTE,), True)] * 2
    assert len(weight_notes(files)) == 1


def images(largest: float, kind: str, smallest: float = 0) -> Dataset:
    pixels = np.linspace(smallest, largest, 3 * 96).reshape(3, *saved.SHAPE).astype(kind)
    labels = np.arange(3)
    arrays = {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels}
    return dataset_from_arrays(arrays, name="clothes.npz", source="clothes.npz")


@pytest.mark.parametrize("data", [images(255, "u1"), images(1, "u1"), images(1, "f4"), images(255, "i8")])
def test_images_that_are_in_0_to_1_when_they_are_used_suit_networks_that_divided_by_255(tmp_path: Path, data: Dataset):
    saved.model_file(tmp_path / "w.h5", saved.keras_2(), rescaling_model(), backend="tensorflow")
    groups, _ = find_groups([str(tmp_path)], [])

    check_images(read_members(groups, saved.SHAPE, 3), data)


@pytest.mark.parametrize("data", [images(255, "f4"), images(1.01, "f4"), images(1, "f4", smallest=-1)])
def test_other_floats_are_refused_for_them_and_for_no_other_network(tmp_path: Path, data: Dataset):
    saved.model_file(tmp_path / "w1.h5", saved.keras_2(), saved.configuration_2(), backend="tensorflow")
    saved.model_file(tmp_path / "w2.h5", saved.keras_2(), rescaling_model(), backend="tensorflow")
    groups, _ = find_groups([str(tmp_path)], [])
    files = read_members(groups, saved.SHAPE, 3)

    check_images(files[:1], data)
    with pytest.raises(
        InputError, match=r"w2\.h5 divides its images by 255 itself, and clothes\.npz holds floats from "
    ):
        check_images(files, data)


def test_a_link_to_what_git_annex_has_not_fetched_is_not_passed_over(tmp_path: Path, network_file: Path):
    write(tmp_path, "w1.h5")
    (tmp_path / "w2.h5").symlink_to(".git/annex/objects/x/SHA256E-s9--0.h5/SHA256E-s9--0.h5")
    (tmp_path / "w3.h5").symlink_to("gone.h5")

    with pytest.raises(CheckpointError, match=r"w2\.h5 cannot be read: it is a git-annex pointer.*`git annex get`"):
        members(tmp_path, network_file)
    (tmp_path / "w2.h5").unlink()
    with pytest.raises(CheckpointError, match=r"w3\.h5 cannot be read: it is a link to gone\.h5, which is not there"):
        members(tmp_path, network_file)


def test_weights_alone_that_cannot_be_the_notebooks_are_said_to_need_a_network(tmp_path: Path):
    write(tmp_path, "w.h5")
    groups, _ = find_groups([str(tmp_path)], [])

    with pytest.raises(InputError, match=r"w\.h5 does not tell its network, and the notebook's .*\(--architecture "):
        read_members(groups, (2, 2, 1), 3)
