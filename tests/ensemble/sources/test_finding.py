import json
import shutil
from pathlib import Path

import pytest

import deepchord
from deepchord.ensemble.sources import ExportedModel, find_source
from deepchord.shared.checkpoints import DESCRIPTION_FILE
from deepchord.shared.errors import (
    CheckpointError,
    CorruptObjectError,
    InputError,
    MessageDecodeError,
    RunNotFoundError,
)
from tests.ensemble.conftest import RUN, make_run


@pytest.mark.parametrize(
    "text", ["{storage}", "{storage}/runs/" + RUN, "file://{storage}", "file://{storage}/runs/" + RUN, "{storage}/"]
)
def test_a_storage_or_a_run_in_it_may_be_a_folder_or_a_url(storage: Path, text: str):
    assert find_source(text.format(storage=storage)).description.run_id == RUN


@pytest.mark.parametrize("name", ["last", RUN])
def test_a_run_is_found_in_the_storage_that_is_given_or_set(storage: Path, name: str, monkeypatch):
    assert find_source(name, str(storage)).description.run_id == RUN

    monkeypatch.setenv("DEEPCHORD_STORAGE", str(storage))
    assert find_source(name).description.run_id == RUN


def test_a_saved_folder_and_an_exported_file_are_the_same_ensemble(ensemble, tmp_path, monkeypatch):
    folder, file = ensemble.save(tmp_path / "saved"), ensemble.to_onnx(tmp_path / "it.onnx")
    monkeypatch.chdir(tmp_path)

    for source in (folder, str(folder), "saved", file, "it.onnx", Path("it.onnx")):
        assert find_source(source).description == ensemble.description
    assert isinstance(find_source(file), ExportedModel)


def test_a_saved_folder_may_describe_a_table_of_many_columns(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "saved")
    with (folder / DESCRIPTION_FILE).open("a") as file:
        file.write(" " * 2**21)

    assert find_source(folder).description == ensemble.description


def test_what_is_not_there_is_refused_with_what_was_expected(storage, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(RunNotFoundError, match="There is no run 'nothing'"):
        find_source("nothing", str(storage))
    with pytest.raises(InputError, match=r"nothing\.onnx cannot be read: No such file"):
        find_source(tmp_path / "nothing.onnx")
    with pytest.raises(InputError, match=r"empty holds no ensemble: expected a folder of `deepchord collect`"):
        find_source(tmp_path / "empty")
    with pytest.raises(InputError, match="tells where it lies, so no storage may be given"):
        find_source(tmp_path / "empty", str(storage))


def test_a_damaged_weight_file_in_a_folder_is_named(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "saved")
    damaged = folder / "best_weights_1.hdf5"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")

    with pytest.raises(CorruptObjectError, match=r"weights of member 1 in .*saved are damaged"):
        deepchord.load(folder)
    damaged.unlink()
    with pytest.raises(InputError, match=r"best_weights_1\.hdf5 cannot be read: No such file.*Collect the run once"):
        deepchord.load(folder)


def test_damaged_weights_in_storage_are_named(tmp_path):
    make_run(tmp_path / "storage")
    weights = next((tmp_path / "storage").rglob("members/002/attempts/*/*.hdf5"))
    weights.write_bytes(weights.read_bytes()[:-9])

    with pytest.raises(CorruptObjectError, match="SHA-256"):
        deepchord.load("last", storage=str(tmp_path / "storage"))


def test_weights_of_another_network_are_refused(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "saved")
    described = json.loads((folder / "ensemble.json").read_text())
    described["architecture"]["layers"].insert(1, {"type": "dense", "units": 7})
    (folder / "ensemble.json").write_text(json.dumps(described))

    with pytest.raises(CheckpointError, match="does not fit the network"):
        deepchord.load(folder)


def test_a_description_that_is_not_valid_is_named(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "saved")
    (folder / "ensemble.json").write_text("{}")

    with pytest.raises(MessageDecodeError, match=r"ensemble\.json is not a valid EnsembleDescription"):
        deepchord.load(folder)


def test_a_model_of_somebody_else_is_told_apart(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "it", [value], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "it.onnx")

    with pytest.raises(InputError, match="but none that `deepchord export` wrote: expected the metadata deepchord"):
        deepchord.load(tmp_path / "it.onnx")


def test_an_exported_file_says_that_it_has_no_weights_to_give(ensemble, tmp_path):
    exported = deepchord.load(ensemble.to_onnx(tmp_path / "it.onnx"))

    for ask in (lambda: exported.members, exported.to_keras, lambda: exported.save(tmp_path / "x")):
        with pytest.raises(InputError, match=r"it\.onnx is an exported file, which has no .* load its run"):
            ask()


def test_a_moved_storage_is_as_good(storage, tmp_path):
    shutil.copytree(storage, tmp_path / "moved")

    assert len(deepchord.load(tmp_path / "moved")) == 3
