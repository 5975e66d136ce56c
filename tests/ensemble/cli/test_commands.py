import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepchord.ensemble.cli import commands
from deepchord.shared.errors import InputError
from tests.ensemble.conftest import RUN, halves

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch, storage):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(storage))


@pytest.fixture
def archive(tmp_path):
    images, labels = halves(50, 5)
    np.savez(tmp_path / "it.npz", images=images, labels=labels)
    return "it.npz"


def ran(*arguments: str):
    return RUNNER.invoke(commands, [*arguments])


def test_predictions_with_their_labels_are_shown_and_scored(archive):
    result = ran("predict", "last", archive, "--abstain", "5%", "--sets", "90%")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "image",
        "predicted",
        "confidence",
        "entropy",
        "disagreement",
        "answer",
        "set",
        "actual",
    ]
    assert lines[1].startswith("it.npz[0]")
    assert "… and 30 more images; --out predictions.csv writes all." in result.stdout
    assert "Of 50 images with a label " in result.stdout


def test_json_on_stdout_is_all_there_is(archive, ensemble):
    result = ran("predict", RUN, archive, "--json")

    rows = json.loads(result.stdout)
    expected = ensemble.predict(halves(50, 5)[0])
    assert len(rows) == 50
    np.testing.assert_allclose([row["probability_left"] for row in rows], expected.probabilities[:, 1], atol=1e-6)


def test_damaged_images_are_left_out_and_the_exit_code_says_so(tmp_path, archive):
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("pictures/a.png")
    (tmp_path / "pictures" / "b.png").write_bytes(b"garbage")

    result = ran("predict", "last", "pictures", "--out", "predictions.csv")

    assert result.exit_code == 2
    assert "1 predictions: predictions.csv\n1 of 2 images were left out, see above." in result.stdout
    assert result.stderr.startswith("left out: pictures/b.png is no image")
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 2
    (tmp_path / "predictions.csv").unlink()
    strict = ran("predict", "last", "pictures", "--out", "predictions.csv", "--strict")
    assert isinstance(strict.exception, InputError)
    assert not (tmp_path / "predictions.csv").exists()


def test_floats_that_are_scaled_wrongly_are_warned_of_once(tmp_path):
    np.savez("floats.npz", x=np.random.default_rng(0).uniform(0, 255, (1500, 4, 4)))

    result = ran("predict", "last", "floats.npz")

    assert result.exit_code == 0
    assert result.stderr.count("warning: The images hold floats from 0") == 1


def test_a_file_is_exported_by_the_ending_of_its_name_and_predicts_the_same(archive):
    for out in ("it.onnx", "saved"):
        result = ran("export", "last", "--out", out)
        assert result.exit_code == 0
        assert result.stdout == f"3 members, 0.0 MiB: {out}\n"
        assert ran("predict", out, archive, "--json").exit_code == 0


@pytest.mark.parametrize("option", ["--half", "--int8"])
def test_what_a_reduced_file_costs_is_measured_on_the_test_images(ensemble, option):
    result = ran("export", "last", "--out", "it.onnx", option)

    assert result.exit_code == 0
    cells = {line[:26].strip(): line[26:].split() for line in result.stdout.splitlines()[1:]}
    assert cells["accuracy"][0] == f"{ensemble.description.calibrated_test.accuracy.value:.2%}"
    assert cells["predictions that changed"][0] == "0"
    assert {"size", "negative log-likelihood", "expected calibration error"} <= set(cells)


def test_from_a_folder_the_cost_cannot_be_measured(ensemble, tmp_path):
    ensemble.save(tmp_path / "saved")

    result = ran("export", "saved", "--out", "it.onnx", "--half")

    assert "cannot be measured from a folder, which has no test images" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["predict", "last", "it.npz", "--abstain", "much"],
            "--abstain is 'much'; expected a share between 0 and 1, such as 1%",
        ),
        (["predict", "last", "it.npz", "--sets", "200%"], "--sets is '200%'; expected a share"),
        (["predict", "last", "it.npz", "--abstain", "3%"], "risk of 3%; it has them for 5%, 2%, 1%, 0.5%"),
        (["predict", "last", "it.npz", "--per-class"], "are about sets: give --sets"),
        (["predict", "last", "it.npz", "--json", "--out", "x.csv"], "either --json, .* or --out"),
        (["predict", "last", "it.npz", "--sets", "42%"], "sets of level 42%; it has them for 90%, 95%, 99%"),
        (["predict", "last", "nothing.png"], r"There is no file nothing\.png"),
        (
            ["predict", "last", "it.csv"],
            r"it\.csv is a table, and the networks take images of \d+x\d+x1: give image files",
        ),
        (["predict", "it.npz", "it.npz"], r"it\.npz is no ensemble: expected a run's id, `last`, a folder"),
        (["export", "last", "--out", "it.pt"], r"ends in \.pt; expected \.onnx or \.keras, or a folder"),
        (["export", "last", "--out", "it.keras", "--half"], "--half can only be given for --format onnx"),
        (["export", "last", "--out", "it.onnx", "--half", "--int8"], "either --half or --int8"),
    ],
)
def test_bad_input_ends_with_a_sentence(archive, arguments, sentence):
    Path("it.csv").touch()
    with pytest.raises(InputError, match=sentence):
        RUNNER.invoke(commands, arguments, catch_exceptions=False)


def test_an_exported_file_is_not_exported_again(archive):
    ran("export", "last", "--out", "it.onnx")

    with pytest.raises(InputError, match=rf"it\.onnx is exported already: export its run, {RUN}"):
        RUNNER.invoke(commands, ["export", "it.onnx", "--out", "again.onnx"], catch_exceptions=False)
