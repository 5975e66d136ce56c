"""Rows of tables, predicted by an ensemble that was trained on a table."""

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from typer.testing import CliRunner

import deepchord
from deepchord.ensemble import Ensemble
from deepchord.ensemble.answers import Question
from deepchord.ensemble.cli import commands
from deepchord.ensemble.serving.limits import ServeLimits
from deepchord.ensemble.serving.requests import _from_json, _question
from deepchord.ensemble.serving.responses import prediction_response
from deepchord.shared.errors import DatasetError, DeepchordError, InputError
from tests.ensemble.conftest import flowers


@pytest.fixture
def few() -> pd.DataFrame:
    return flowers(40, 2)


def test_rows_are_predicted_whatever_holds_them(gardener: Ensemble, few: pd.DataFrame, tmp_path: Path):
    few.to_csv(tmp_path / "few.csv", index=False)
    pl.from_pandas(few).write_parquet(tmp_path / "few.parquet")
    inputs = few.drop(columns="kind")

    expected = gardener.predict(few).probabilities

    assert (expected.argmax(axis=1) == pd.factorize(few["kind"], sort=True)[0]).mean() > 0.6
    for rows in (
        tmp_path / "few.csv",
        str(tmp_path / "few.parquet"),
        pl.from_pandas(few),
        few[["kind", "colour", "length"]],
        inputs.to_numpy(),
        inputs.to_numpy().tolist(),
        inputs.to_dict("records"),
    ):
        np.testing.assert_allclose(gardener.predict(rows).probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(gardener.predict(inputs.iloc[0].to_dict()).probabilities, expected[:1], atol=1e-6)
    np.testing.assert_allclose(gardener.predict(inputs.iloc[0].to_numpy()).probabilities, expected[:1], atol=1e-6)


def test_an_answer_over_http_calls_a_row_a_row(gardener: Ensemble, few: pd.DataFrame):
    answer = json.loads(prediction_response("garden", ("0", "1"), gardener.predict(few.head(2)), "row").body)

    assert [(one["row"], "image" in one) for one in answer["predictions"]] == [("0", False), ("1", False)]


def test_an_exported_file_knows_how_rows_are_prepared(gardener: Ensemble, few: pd.DataFrame, tmp_path: Path):
    path = gardener.to_onnx(tmp_path / "garden.onnx")

    np.testing.assert_allclose(
        deepchord.load(path).predict(few).probabilities, gardener.predict(few).probabilities, atol=1e-6
    )
    with pytest.raises(InputError, match="Rows of a table are floats"):
        gardener.to_onnx(tmp_path / "garden.onnx", input_type="uint8")


def test_what_training_did_not_know_is_warned_of(gardener: Ensemble, few: pd.DataFrame):
    with pytest.warns(UserWarning, match=r"did not know: 40 in 'colour'; and columns .*'age'"):
        gardener.predict(few.assign(colour="black", age=1))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (pd.DataFrame({"length": [1.0]}), "no column 'colour', with which the networks were trained"),
        ([{"length": "long", "colour": "red"}], "row 1, column 'length' holds 'long'; expected a number"),
        (np.zeros((2, 5)), "the array has 5 columns; expected 3: garden, length, colour"),
        ([[1, 2, 3], [1]], "rows that differ in length"),
        (np.zeros((0, 3)), "expected rows as"),
        ("nowhere.csv", r"There is no file nowhere\.csv"),
    ],
)
def test_rows_that_do_not_fit_are_refused(gardener: Ensemble, rows: object, sentence: str):
    with pytest.raises(DeepchordError, match=sentence):
        gardener.predict(rows)


@pytest.fixture
def in_a_folder(table_storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(table_storage))
    with warnings.catch_warnings():
        yield tmp_path


def test_the_command_predicts_and_scores_rows(in_a_folder: Path, few: pd.DataFrame):
    few.assign(more=1).to_csv("few.csv", index=False, sep=";")

    shown = CliRunner().invoke(commands, ["predict", "last", "few.csv", "--sets", "90%"])
    written = CliRunner().invoke(commands, ["predict", "last", "few.csv", "--out", "out.csv"])

    assert shown.exit_code == written.exit_code == 0
    assert shown.stdout.splitlines()[0].split()[0] == "row"
    assert shown.stdout.splitlines()[1].startswith("few.csv:1 ")
    assert "Of 40 rows with a label " in shown.stdout
    assert "warning: The rows have columns that the training did not have, which are not used: 'more'." in shown.stderr
    assert pd.read_csv("out.csv")["row"].tolist()[-1] == "few.csv:40"


def test_the_command_refuses_what_is_said_of_images(in_a_folder: Path):
    options = ["--fit", "resize", "--images-channels-last"]
    ended = CliRunner().invoke(commands, ["predict", "last", "few.csv", *options])

    assert isinstance(ended.exception, InputError)
    assert "which have no channels: leave out --images-channels-first" in str(ended.exception)


@pytest.mark.parametrize(("name", "kind"), [("photo.png", "an image file"), ("photos", "a folder")])
def test_the_command_refuses_images_and_says_what_it_takes(in_a_folder: Path, name: str, kind: str):
    Path("photos").mkdir()
    Path("photo.png").touch()

    ended = CliRunner().invoke(commands, ["predict", "last", name])

    assert isinstance(ended.exception, InputError)
    assert f"{name} is {kind}, and the networks take rows of a table: give .csv" in str(ended.exception)


def test_the_command_takes_rows_from_standard_input(in_a_folder: Path, few: pd.DataFrame):
    text = few.drop(columns="kind").to_csv(index=False)

    ended = CliRunner().invoke(commands, ["predict", "last", "-", "--json"], input=text)

    assert [row["row"] for row in json.loads(ended.stdout)][:2] == ["stdin:1", "stdin:2"]
    assert "actual_label" not in json.loads(ended.stdout)[0]


def test_rows_of_an_archive_are_predicted_and_scored(in_a_folder: Path, gardener: Ensemble, few: pd.DataFrame):
    inputs, labels = few.drop(columns="kind").to_numpy().astype(str), pd.factorize(few["kind"], sort=True)[0]
    np.savez("few.npz", x_test=inputs, y_test=labels)
    turned = {"x": inputs[:, ::-1], "feature_names": list(few.columns[:3])[::-1]}
    np.savez("turned.npz", **turned)
    np.savez("other.npz", x_train=inputs)
    np.savez("many.npz", x=inputs, y=np.arange(40))

    shown = CliRunner().invoke(commands, ["predict", "last", "few.npz"])
    piped = CliRunner().invoke(commands, ["predict", "last", "-", "--json"], input=Path("turned.npz").read_bytes())

    assert "Of 40 rows with a label " in shown.stdout
    assert "actual_label" not in json.loads(piped.stdout)[0]
    expected = gardener.predict(few).probabilities
    for name in ("few.npz", "turned.npz"):
        np.testing.assert_allclose(gardener.predict(name).probabilities, expected, atol=1e-6)
    with pytest.raises(InputError, match=r"other\.npz holds no rows: expected them as x_test or x\."):
        gardener.predict("other.npz")
    with pytest.raises(InputError, match=r"many\.npz: y tells of 40 classes, and the networks know 3"):
        gardener.predict("many.npz")


def test_a_server_takes_rows(gardener: Ensemble, few: pd.DataFrame):
    rows = json.loads(few.drop(columns="kind").to_json(orient="records"))
    dataset, limits = gardener.description.dataset, ServeLimits()

    names, content = _from_json(json.dumps({"rows": rows}).encode(), dataset, "none", limits)

    assert names[-1] == "39"
    np.testing.assert_allclose(
        gardener.answers.answer(content.values, Question()).probabilities,
        gardener.predict(few).probabilities,
        atol=1e-6,
    )
    for wrong in ({"images": [[1]]}, {"rows": []}, {"rows": [1]}, [1]):
        with pytest.raises(Exception, match=r"Expected \{\"rows\""):
            _from_json(json.dumps(wrong).encode(), dataset, "none", limits)
    with pytest.raises(DatasetError, match="the request: row 1, column 'length' holds 'x'"):
        _from_json(b'{"rows": [{"length": "x", "colour": "red"}]}', dataset, "none", limits)
    with pytest.raises(Exception, match=r"too many rows; at most 1,024 at once"):
        _from_json(json.dumps({"rows": [{}] * 1025}).encode(), dataset, "none", limits)


def test_a_server_gets_what_is_to_be_warned_of_as_data(gardener: Ensemble):
    """Python's own warnings belong to the process: no thread of a server may change what is done with them."""
    known, strange = {"length": 1.0, "colour": "red"}, {"length": 1.0, "colour": "black", "age": 1}
    bodies = [json.dumps({"rows": [row]}).encode() for row in (known, strange)] * 8

    with ThreadPoolExecutor(4) as pool:
        contents = pool.map(
            lambda body: _from_json(body, gardener.description.dataset, "none", ServeLimits())[1], bodies
        )
        told = [content.warnings for content in contents]

    assert told[::2] == [()] * 8
    assert all("1 in 'colour'" in sentence and "'age'" in sentence for (sentence,) in told[1::2])


def test_rows_have_no_size_to_be_fitted(gardener: Ensemble, in_a_folder: Path, few: pd.DataFrame):
    with pytest.raises(InputError, match=r"rows of a table, and fit is about the size of images: leave it out\."):
        gardener.predict(few, fit="resize")
    with pytest.raises(HTTPException) as refused:
        _question(QueryParams("fit=resize"), gardener.description, None)
    ended = CliRunner().invoke(commands, ["predict", "last", "few.csv", "--fit", "resize"])

    assert refused.value.status_code == 400
    assert "leave it out" in refused.value.detail
    assert isinstance(ended.exception, InputError)
    assert "--fit is about the size of images" in str(ended.exception)


def test_a_column_whose_name_no_answer_can_hold_is_refused_in_words_that_it_can(gardener: Ensemble):
    body = json.dumps({"rows": [{"\ud800": 1}]}).encode()

    with pytest.raises(DatasetError, match=r"no column 'length', .*valid are \?") as raised:
        _from_json(body, gardener.description.dataset, "none", ServeLimits())

    str(raised.value).encode()
