"""`deepchord predict` and `export` of an ensemble that predicts which labels apply."""

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepchord.ensemble.cli import commands
from tests.ensemble.conftest import FLOWERS, RUN, meadows


def run(*arguments: str):
    return CliRunner().invoke(commands, list(arguments))


@pytest.fixture
def source(label_storage, tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(label_storage / "runs" / RUN)


def test_files_have_a_column_for_each_label_and_rows_whose_labels_are_told_are_scored(botanist, source):
    frame = meadows(25, 5)
    frame.to_csv("meadows.csv", index=False)
    np.savez("meadows.npz", x=frame[["height", "wet"]].to_numpy(), y=np.zeros((25, 3), int))

    ended, written = run("predict", source, "meadows.csv"), run("predict", source, "meadows.csv", "--out", "out.csv")
    scored = run("predict", source, "meadows.npz", "--out", "out.npz")

    assert (ended.exit_code, written.exit_code, scored.exit_code) == (0, 0, 0), ended.output + scored.output
    assert "Of 25 rows with all labels" in ended.output
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["row", *(f"probability_{name}" for name in FLOWERS)]
    assert list(rows[0])[-3:] == [f"actual_{name}" for name in FLOWERS]
    expected = botanist.predict(frame).probabilities
    np.testing.assert_allclose([float(row["probability_orchid"]) for row in rows], expected[:, 1], rtol=1e-5)
    with np.load("out.npz") as arrays:
        assert arrays["label_names"].tolist() == list(FLOWERS)
        np.testing.assert_allclose(arrays["probabilities"], expected, rtol=1e-5)
        assert not arrays["actual"].any()


def test_what_is_about_numbers_and_classes_is_refused(source):
    meadows(5, 5).to_csv("meadows.csv", index=False)

    for option in (("--level", "90%"), ("--abstain", "1%"), ("--sets", "90%")):
        ended = run("predict", source, "meadows.csv", *option)
        assert ended.exit_code != 0
        assert "predicts labels" in f"{ended.output} {ended.exception}"


@pytest.mark.slow
def test_what_a_smaller_file_costs_is_measured_in_scores_of_labels(source):
    ended = run("export", source, "--out", "it.onnx", "--half")

    assert ended.exit_code == 0, ended.output
    for part in ("exact match", "hamming loss", "predictions that changed"):
        assert part in ended.output
