import csv
import io
import json
from pathlib import Path

import hypothesis
import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import strategies as st

from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.tables import FORMATS, ClassRows, RunningScores, open_table
from deepchord.shared.errors import InputError
from deepchord.shared.uncertainty import accuracy, expected_calibration_error, negative_log_likelihood

NAMES = ("a", "b, with a comma", "ü")


def made_up(images: int, seed: int = 0, *, more: bool = True) -> Prediction:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.5] * 3, images).astype(np.float32)
    measure = generator.random(images, dtype=np.float32)
    return Prediction(
        probabilities=probabilities,
        labels=probabilities.argmax(axis=1),
        confidence=probabilities.max(axis=1),
        predictive_entropy=measure,
        mutual_information=measure.copy(),
        disagreement=measure.copy(),
        abstains=measure > 0.5 if more else None,
        sets=probabilities > 0.2 if more else None,
        class_names=NAMES,
    )


def rows_of(prediction: Prediction, names: list[str], labels: np.ndarray | None) -> ClassRows:
    return ClassRows(prediction=prediction, names_of_rows=names, labels=labels)


def write(path: Path, lots: list[Prediction], labels: bool = True) -> None:
    with open_table(path) as table:
        for number, lot in enumerate(lots):
            names = [f"{number}/{index}.png" for index in range(len(lot))]
            table.add(rows_of(lot, names, np.full(len(lot), -1) if labels else None))


def test_the_columns_have_full_names():
    columns = rows_of(made_up(2), ["x", "y"], np.array([0, 1])).columns()

    assert list(columns) == [
        *("image", "predicted_label", "predicted_class", "confidence", "predictive_entropy", "mutual_information"),
        *("disagreement", "abstains", "prediction_set", "actual_label", "is_right"),
        *("probability_a", "probability_b, with a comma", "probability_ü"),
    ]
    assert "abstains" not in rows_of(made_up(2, more=False), ["x", "y"], None).columns()


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_tables_hold_all_rows_of_all_lots_with_the_digits_there_are(tmp_path, ending):
    lots = [made_up(3, 1), made_up(2, 2)]
    path = tmp_path / f"it{ending}"

    write(path, lots)

    if ending == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode())))
    elif ending == ".json":
        rows = json.loads(path.read_text(encoding="utf-8"))
    else:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    assert [row["image"] for row in rows] == ["0/0.png", "0/1.png", "0/2.png", "1/0.png", "1/1.png"]
    for name, column in (("ü", 2), ("a", 0)):
        found = np.array([float(row[f"probability_{name}"]) for row in rows], dtype=np.float32)
        assert (found == np.concatenate([lot.probabilities[:, column] for lot in lots])).all()
    assert [row["predicted_class"] for row in rows] == [name for lot in lots for name in lot.names()]
    assert [str(row["prediction_set"]) for row in rows] == ["|".join(each) for lot in lots for each in lot.set_names()]


def test_an_archive_holds_the_arrays_as_they_are(tmp_path):
    lots = [made_up(3, 1), made_up(2, 2)]

    write(tmp_path / "it.npz", lots)

    with np.load(tmp_path / "it.npz") as found:
        assert found["class_names"].tolist() == list(NAMES)
        assert found["images"].tolist()[3] == "1/0.png"
        assert (found["probabilities"] == np.concatenate([lot.probabilities for lot in lots])).all()
        assert (found["sets"] == np.concatenate([lot.sets for lot in lots])).all()
        assert found["labels"].dtype == np.int64
        assert found["actual_labels"].tolist() == [-1] * 5


@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_that_is_not_finished_is_not_there(tmp_path, ending):
    path = tmp_path / f"it{ending}"

    def fail_between() -> None:
        with open_table(path) as table:
            table.add(rows_of(made_up(2), ["x", "y"], None))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_between()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_no_images_give_an_empty_table(tmp_path, ending):
    write(tmp_path / f"it{ending}", [])

    assert (tmp_path / f"it{ending}").read_text() in ("", "[]\n")


def test_unknown_endings_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"it\.xls has an unknown ending; expected one of \.csv, \.json, \.npz, \.p"):
        write(tmp_path / "it.xls", [])
    (tmp_path / "it.csv").mkdir()
    with pytest.raises(InputError, match=r"it\.csv cannot be written"):
        write(tmp_path / "it.csv", [])


@hypothesis.given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_scores_of_lots_are_the_scores_of_all_images(seed, cuts):
    lots = [made_up(size, seed + number) for number, size in enumerate(cuts)]
    generator = np.random.default_rng(seed)
    labels = [generator.integers(-1, 3, size) for size in cuts]
    scores = RunningScores()

    for lot, actual in zip(lots, labels, strict=True):
        scores.add(lot, actual)

    actual = np.concatenate(labels)
    rows = actual >= 0
    probabilities = np.concatenate([lot.probabilities for lot in lots])[rows]
    found = scores.result()
    if not rows.any():
        assert found is None
        return
    assert found.images == rows.sum()
    assert found.accuracy == pytest.approx(accuracy(probabilities, actual[rows]))
    assert found.negative_log_likelihood == pytest.approx(negative_log_likelihood(probabilities, actual[rows]))
    assert found.expected_calibration_error == pytest.approx(expected_calibration_error(probabilities, actual[rows]))
