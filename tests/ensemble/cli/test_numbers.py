import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepchord.ensemble.cli import commands
from deepchord.shared.errors import InputError
from tests.ensemble.conftest import RUN, houses

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch, number_storage):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(number_storage))
    houses(40, 5).to_csv("houses.csv", index=False)


def ran(*arguments: str):
    return RUNNER.invoke(commands, [*arguments], catch_exceptions=False)


def test_numbers_are_shown_with_their_intervals_and_scored():
    result = ran("predict", "last", "houses.csv", "--level", "90%", "--level", "50%")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for name in ("row", "price", "90% of price", "50% of price", "actual price", "built"):
        assert name in lines[0]
    assert " ± " in lines[1]
    assert " to " in lines[1]
    assert "… and 20 more rows; --out predictions.csv writes all." in lines
    (price,) = [line for line in lines if line.startswith("price: 40 rows with the actual number; root mean squared")]
    assert "% in intervals of 90%, " in price


@pytest.mark.parametrize("source", ["last", "it.onnx", "saved"])
def test_columns_of_files_are_named_by_target(valuer, source):
    valuer.to_onnx("it.onnx")
    valuer.save("saved")

    assert ran("predict", source, "houses.csv", "--out", "it.csv").exit_code == 0

    with Path("it.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = valuer.predict(houses(40, 5))
    for name, values in {
        "price_mean": expected.mean[:, 0],
        "built_standard_deviation": expected.standard_deviation[:, 1],
        "price_upper_90": expected.intervals(0.9)[1][:, 0],
        "built_actual": houses(40, 5)["built"],
    }.items():
        np.testing.assert_allclose([float(row[name]) for row in rows], values)


def test_rows_without_their_numbers_are_not_scored():
    houses(3, 5)[["rooms", "area"]].to_csv("new.csv", index=False)

    result = ran("predict", "last", "new.csv", "--json")
    shown = ran("predict", "last", "new.csv")

    assert not [name for name in json.loads(result.stdout)[0] if name.endswith("_actual")]
    assert "actual" not in shown.stdout


def test_archives_hold_rows_and_their_numbers(valuer):
    frame = houses(30, 5)
    np.savez("it.npz", x=frame[["area", "rooms"]].to_numpy(), y=frame[["price", "built"]].to_numpy())

    result = ran("predict", "last", "it.npz", "--json")

    rows = json.loads(result.stdout)
    np.testing.assert_allclose([row["price_mean"] for row in rows], valuer.predict(frame).mean[:, 0])
    assert [row["built_actual"] for row in rows] == pytest.approx(frame["built"].tolist())
    np.savez("one.npz", x=frame[["area", "rooms"]].to_numpy(), y=frame["price"].to_numpy())
    with pytest.raises(InputError, match=r"one\.npz: y holds 1 numbers for each row, and the networks predict 2"):
        ran("predict", "last", "one.npz")


@pytest.mark.parametrize("option", ["--half", "--int8"])
def test_what_a_reduced_file_costs_is_measured_on_the_test_rows(option):
    result = ran("export", "last", "--out", "it.onnx", option)

    cells = {line[:40].strip(): line[40:].split() for line in result.stdout.splitlines()[1:]}
    for name in ("price: root mean squared error", "built: negative log-likelihood", "price: in intervals of 90%"):
        assert len(cells[name]) == 2
    assert cells["largest change, in standard deviations"][0] == "0"
    assert float(cells["largest change, in standard deviations"][1]) < 0.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sets", "90%"], f"^Run {RUN} predicts numbers: abstaining and sets are for classes, and numbers have int"),
        (["--abstain", "1%"], f"^Run {RUN} predicts numbers: abstaining and sets are for classes"),
        (["--level", "many"], "--level is 'many'; expected a share"),
    ],
)
def test_what_is_for_classes_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        ran("predict", "last", "houses.csv", *arguments)


def test_levels_are_refused_for_classes(storage, monkeypatch):
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(storage))

    with pytest.raises(InputError, match="predicts classes: --level is for the intervals of numbers"):
        ran("predict", "last", "houses.csv", "--level", "90%")
