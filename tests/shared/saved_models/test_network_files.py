import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deepchord.coordinator.report.findings import recipe_toml
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Recipe, RunSpec
from deepchord.shared.network import Architecture, notebook_architecture
from deepchord.shared.network.builtin import residual_architecture
from deepchord.shared.saved_models.comparison import difference
from deepchord.shared.saved_models.network_files import load_network
from tests.shared.saved_models import saved

TOML = """
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = "classes"
activation = "softmax"
"""


def run(preset: str, architecture: Architecture) -> RunSpec:
    recipe = Recipe(optimizer="sgd", learning_rate=0.5, batch_size=16, epochs=5, validation_fraction=0.2, patience=3)
    dataset = DatasetInfo(
        name="halves", sha256="0" * 64, input_shape=saved.SHAPE, class_names=("a", "b", "c"), train_size=9, test_size=9
    )
    return RunSpec(
        run_id="20260101-000000-beef", created_at=datetime(2026, 1, 1, tzinfo=UTC), preset=preset, dataset=dataset,
        architecture=architecture, recipe=recipe, members=3, min_members=2, seed=1, max_attempts=2,
    )  # fmt: skip


def test_whatever_tells_a_network_is_taken_for_one(tmp_path: Path):
    (tmp_path / "network.toml").write_text("\ufeff" + TOML)
    (tmp_path / "run.json").write_bytes(run("quick", saved.NETWORK).encode())
    (tmp_path / "with_layers.toml").write_text(recipe_toml(run("quick", saved.NETWORK)))
    (tmp_path / "notebook.toml").write_text(recipe_toml(run("quick", notebook_architecture())))
    (tmp_path / "best.toml").write_text('preset = "best"\nmembers = 2\n')
    (tmp_path / "beside.toml").write_text('preset = "quick"\narchitecture = "network.toml"\n')
    (tmp_path / "model.json").write_text(json.dumps(saved.configuration_2()))
    saved.model_file(tmp_path / "model.h5", saved.keras_2(":0"), saved.configuration_2(), backend="tensorflow")

    dense = load_network(tmp_path / "network.toml", saved.SHAPE).architecture
    expected = {
        "run.json": saved.NETWORK,
        "with_layers.toml": saved.NETWORK,
        "notebook.toml": notebook_architecture(),
        "best.toml": residual_architecture(),
        "beside.toml": dense,
        "model.json": saved.NETWORK,
        "model.h5": saved.NETWORK,
    }
    assert [layer.type for layer in dense.layers] == ["flatten", "dense"]
    for name, network in expected.items():
        found = load_network(tmp_path / name, saved.SHAPE).architecture
        assert difference(found, network.resolve(input_shape=(28, 28, 2), classes=3)) is None, name


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "tells no network: it is a Git LFS pointer"),
        (b"<!doctype html><html>", "tells no network: it is a web page"),
        (b"", "tells no network: it is an empty file"),
        (b"layers = [", "neither valid TOML nor JSON"),
        (b'{"a": ' * 100_000, "neither valid TOML nor JSON"),
        (b"\xff\xfel\x00", "neither valid TOML nor JSON"),
        (b"layer = 3", "unknown option 'layer'; did you mean 'layers'"),
        (b'{"run_id": "x"}', "created_at: field required"),
        (b'preset = "notbook"', r"There is no preset 'notbook'; did you mean 'notebook'\?"),
        (b"preset = 3", "There is no preset '3'; valid are best, cifar10, digits, fast, notebook, quick"),
        (b'architecture = "odd.toml"', "names itself"),
        (b'architecture = "nothing.toml"', r"nothing\.toml cannot be read: No such file"),
        (b"[1]", "unknown option '1'|layers"),
    ],
)
def test_what_tells_no_network_is_refused_with_what_it_is(tmp_path: Path, content: bytes, sentence: str):
    (tmp_path / "odd.toml").write_bytes(content)

    with pytest.raises(InputError, match=rf"Architecture file .*{sentence}"):
        load_network(tmp_path / "odd.toml", saved.SHAPE)


def test_weights_alone_and_folders_tell_no_network(tmp_path: Path):
    path = saved.weights_file(tmp_path / "w.h5", saved.keras_2(":0"), backend="tensorflow")

    with pytest.raises(InputError, match=r"w\.h5 holds weights alone; give a file that tells the network"):
        load_network(path, saved.SHAPE)
    with pytest.raises(InputError, match="is a folder; give the file in it"):
        load_network(tmp_path, saved.SHAPE)
    with pytest.raises(InputError, match=r"absent\.toml cannot be read: No such file"):
        load_network(tmp_path / "absent.toml", saved.SHAPE)


def test_a_network_may_come_from_a_pipe():
    reader, writer = os.pipe()
    os.write(writer, TOML.encode())
    os.close(writer)

    network = load_network(Path(f"/dev/fd/{reader}"), saved.SHAPE).architecture

    os.close(reader)
    assert [layer.type for layer in network.layers] == ["flatten", "dense"]


def test_what_is_too_long_to_be_a_list_of_layers_is_not_read(tmp_path: Path):
    (tmp_path / "wide.json").write_bytes(run("quick", saved.NETWORK).encode() + b" " * 2**21)

    # The run.json of a table of many columns is longer than what people write.
    assert load_network(tmp_path / "wide.json", saved.SHAPE).architecture == saved.NETWORK
    with pytest.raises(InputError, match="cannot be read: it is longer than 64 MiB"):
        load_network(Path("/dev/zero"), saved.SHAPE)
