"""Data sets whose rows or images have numbers to predict: read, checked, published and loaded again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.datasets import (
    Dataset,
    Places,
    all_findings,
    dataset_of_table,
    encode_dataset,
    examine,
    find_dataset,
    load_dataset,
    overlap_findings,
    publish_dataset,
)
from deepchord.shared.datasets.dataset import dataset_from_arrays, decode_dataset
from deepchord.shared.datasets.own_files import FileOptions
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import DatasetInfo
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import table_of_frame


@pytest.fixture
def houses() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    area = generator.uniform(30, 200, 60)
    return pd.DataFrame({"area": area, "price": 1000 * area + generator.normal(0, 5, 60), "age": area % 7})


def read(path: Path, **options: object) -> Dataset:
    return find_dataset(str(path), Places(keras_home=path.parent), options=FileOptions(**options))


def test_a_column_of_measurements_is_predicted_as_numbers(houses: pd.DataFrame, tmp_path: Path, caplog):
    houses.to_csv(tmp_path / "houses.csv", index=False)

    found = read(tmp_path / "houses.csv", target="price")

    assert "'price' of" in caplog.text
    assert "is predicted as a number (regression); --task classification" in caplog.text
    assert found.class_names == ()
    assert (found.y_train.shape, found.y_test.shape) == ((48, 1), (12, 1))
    assert found.y_train.dtype == np.float64
    (target,) = found.targets
    assert (target.name, target.mean) == ("price", pytest.approx(found.y_train.mean()))
    assert target.scale == pytest.approx(found.y_train.std())
    # Only the training rows tell the scale.
    assert target.mean != pytest.approx(houses["price"].mean(), rel=1e-6)
    assert sorted([*found.y_train[:, 0], *found.y_test[:, 0]]) == pytest.approx(sorted(houses["price"]))


def test_two_columns_are_not_offered_as_classes(houses: pd.DataFrame, caplog):
    dataset_of_table(table_of_frame(houses), name="houses", target="price,age")

    assert "'price' and 'age' of the data frame are predicted as numbers (regression)." in caplog.text
    assert "--task" not in caplog.text


@pytest.mark.parametrize(
    ("value", "task", "said"),
    [
        (np.inf, "regression", "row 51, column 'price' holds inf; expected a finite number"),
        (1e150, None, r"row 51, column 'price' holds 1e\+150; expected a number of at most 1e\+100"),
        ("12 500", None, "row 51, column 'price' holds '12 500', and nearly all others hold numbers: correct it"),
        (True, "regression", "row 51, column 'price' holds true; expected a number, as numbers are predicted"),
        (np.datetime64("2026-01-31"), "regression", "row 51, column 'price' holds 2026-01-31; expected a number"),
    ],
)
def test_a_value_that_is_no_number_is_refused_with_its_row_in_the_file(houses, value, task, said):
    houses["price"] = houses["price"].astype(object)
    houses.loc[50, "price"] = value

    with pytest.raises(DatasetError, match=said):
        dataset_of_table(table_of_frame(houses), name="houses", target="price", task=task)


def test_equal_images_with_other_numbers_are_told_in_words_of_numbers():
    x, y = np.random.default_rng(0).random((12, 2, 2, 1), dtype=np.float32), np.arange(12.0)
    arrays = {"x_train": x[[0, 0, 1, 2, 3]], "y_train": y[:5], "x_test": x[[0, 4]], "y_test": y[8:10]}

    dataset = dataset_from_arrays({**arrays, "target_names": np.array(["y"])}, name="x", source="x")

    assert "1 of them has another number there" in overlap_findings(dataset)[0].text
    texts = " ".join(finding.text for finding in all_findings(dataset))
    assert "with several numbers; each copy counts" in texts
    assert "class" not in texts


def test_one_odd_word_is_a_class_where_classes_are_asked_for(houses: pd.DataFrame):
    houses["price"] = [str(number % 30) for number in range(60)]
    houses.loc[50, "price"] = "V27"

    found = dataset_of_table(table_of_frame(houses), name="houses", target="price", task="classification")

    assert found.class_names[-1] == "V27"


def test_truth_values_are_no_numbers_to_predict(houses: pd.DataFrame, tmp_path: Path):
    houses["sold"] = houses["age"] > 3
    houses.to_csv(tmp_path / "houses.csv", index=False)
    houses.to_parquet(tmp_path / "houses.parquet")

    for name in ("houses.csv", "houses.parquet"):
        with pytest.raises(DatasetError, match=r"row 1, column 'sold' holds '?[Tt]rue'?; expected a number"):
            read(tmp_path / name, target="sold", task="regression")


def test_several_columns_are_predicted_at_once_and_are_no_inputs(houses: pd.DataFrame, tmp_path: Path):
    houses.to_csv(tmp_path / "houses.csv", index=False)

    found = read(tmp_path / "houses.csv", target="price, age")

    assert [target.name for target in found.targets] == ["price", "age"]
    assert found.table.names == ("area",)
    assert found.table.targets == ("price", "age")
    with pytest.raises(DatasetError, match=r"2 columns are to be predicted .* only one can tell the class of a row"):
        read(tmp_path / "houses.csv", target="price, age", task="classification")


def test_who_asks_for_it_gets_numbers_where_there_are_classes(houses: pd.DataFrame, tmp_path: Path):
    houses.assign(stars=(houses["age"] // 1).astype(int)).drop(columns="age").to_csv(tmp_path / "a.csv", index=False)

    assert len(read(tmp_path / "a.csv", target="stars").class_names) == 7
    (stars,) = read(tmp_path / "a.csv", target="stars", task="regression").targets
    assert 0 < stars.mean < 6


def test_numbers_are_published_and_loaded_again(houses: pd.DataFrame, tmp_path: Path):
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    dataset = dataset_of_table(table_of_frame(houses), name="houses", target="price,age")

    info = publish_dataset(dataset, store)
    loaded = load_dataset(info, store, tmp_path / "cache")

    assert DatasetInfo.decode(info.encode(), "info") == info
    assert (info.outputs.task, info.outputs.targets, info.outputs.size, info.classes) == ("regression", 2, 4, 0)
    np.testing.assert_array_equal(loaded.y_train, dataset.y_train)
    assert loaded.targets == dataset.targets == info.targets
    assert encode_dataset(loaded) == encode_dataset(dataset)


def test_a_data_set_of_classes_is_described_as_it_always_was():
    images, labels = np.zeros((4, 2, 2), np.uint8), np.array([0, 1, 0, 1])
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    dataset = dataset_from_arrays(arrays, name="x", source="x")

    with np.load(_file(encode_dataset(dataset))) as stored:
        assert sorted(stored) == ["class_names", "x_test", "x_train", "y_test", "y_train"]
        assert stored["y_train"].dtype == np.int64


def _file(data: bytes):
    import io

    return io.BytesIO(data)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.sampled_from([np.float32, np.float64, np.int16]))
def test_arrays_of_numbers_come_back_as_they_were(seed: int, targets: int, kind: type):
    generator = np.random.default_rng(seed)
    y = (100 * generator.normal(size=(12, targets))).astype(kind)
    names = np.array([f"number {place}" for place in range(targets)])
    x = generator.random((12, 2, 2, 1), dtype=np.float32)
    arrays = {"x_train": x[:8], "y_train": y[:8], "x_test": x[8:], "y_test": y[8:], "target_names": names}

    dataset = dataset_from_arrays(arrays, name="x", source="x")
    again = decode_dataset(encode_dataset(dataset), "x", "x")

    np.testing.assert_array_equal(again.y_train, y[:8].astype(np.float64))
    np.testing.assert_array_equal(again.y_test, y[8:].astype(np.float64))
    assert again.targets == dataset.targets


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"y_train": np.ones(8)},
            "all training rows have the same number to predict in 'y', 1: there is nothing to learn",
        ),
        (
            {"y_train": np.array([1.0, np.nan] * 4)},
            r"y_train: row 1 \(from 0\) holds nan in column 0; expected a finite number",
        ),
        ({"y_test": np.full(4, np.inf)}, r"y_test: row 0 \(from 0\) holds inf in column 0"),
        ({"y_train": np.arange(7.0)}, "y_train holds 7 labels for 8 images"),
        ({"y_test": np.ones((4, 2))}, "y_train holds 1 numbers for each row and y_test 2"),
        ({"y_train": np.array(["a", "b"] * 4)}, "expected numbers as labels"),
        ({"target_names": np.array(["a", "b"])}, "expected another name for each of 1 numbers"),
        (
            {"y_test": np.array([1.0, 1e60, 1, 1])},
            "a test row has 1e\\+60 to predict in 'y', more than 1e\\+30 standard",
        ),
        ({"y_train": np.array([1e200, 1.0] * 4)}, "expected a finite number of at most 1e"),
    ],
)
def test_numbers_that_cannot_be_learnt_are_refused_with_their_place(changes: dict[str, np.ndarray], said: str):
    x, y = np.random.default_rng(0).random((12, 2, 2, 1), dtype=np.float32), np.arange(12.0)
    arrays = {"x_train": x[:8], "y_train": y[:8], "x_test": x[8:], "y_test": y[8:], "target_names": np.array(["y"])}

    with pytest.raises(DatasetError, match=said):
        dataset_from_arrays({**arrays, **changes}, name="x", source="x")


def test_an_archive_of_images_with_numbers_is_read_and_its_test_is_drawn(tmp_path: Path):
    images, numbers = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8), np.linspace(-1, 1, 40)
    np.savez(tmp_path / "images.npz", x_train=images, y_train=numbers)

    with pytest.raises(DatasetError, match=r"for numbers to be predicted give --task regression"):
        read(tmp_path / "images.npz")
    found = read(tmp_path / "images.npz", task="regression")

    assert (found.x_train.shape, found.x_test.shape) == ((32, 4, 4, 1), (8, 4, 4, 1))
    assert [target.name for target in found.targets] == ["y"]
    assert found.split is not None


def test_an_archive_of_rows_names_its_numbers(tmp_path: Path):
    generator = np.random.default_rng(0)
    arrays = {"x_train": generator.random((40, 3)), "y_train": generator.random((40, 2))}
    np.savez(tmp_path / "rows.npz", **arrays)
    np.savez(tmp_path / "named.npz", **arrays, target_names=["height", "weight"])

    assert [each.name for each in read(tmp_path / "rows.npz", task="regression").targets] == ["y_0", "y_1"]
    assert [each.name for each in read(tmp_path / "named.npz").targets] == ["height", "weight"]
    with pytest.raises(DatasetError, match="has target_names, so it is of numbers to predict: leave --task out"):
        read(tmp_path / "named.npz", task="classification")


def test_what_has_classes_only_has_no_numbers(tmp_path: Path):
    with pytest.raises(DatasetError, match="'fashion' has classes, and no numbers to predict"):
        find_dataset("fashion", Places(keras_home=tmp_path), options=FileOptions(task="regression"))


def test_numbers_are_looked_at_before_the_training(houses: pd.DataFrame):
    houses.loc[5, "price"] = 1e9
    dataset = dataset_of_table(
        table_of_frame(pd.concat([houses, houses[:3].assign(price=1)])), name="x", target="price"
    )

    found = examine(dataset)

    assert found.classes == ()
    assert [number.name for number in found.numbers] == ["price"]
    assert found.numbers[0].train.highest == 1e9
    said = " ".join(finding.text for finding in found.findings)
    assert "times their median: if ratios matter rather than differences, predict their logarithm" in said
    assert "about 20% of all, with the seed 0" in said
    assert "another number there" in said or "with several numbers" in said


@pytest.mark.parametrize("rows", [np.zeros((8, 3)), np.zeros((8, 4, 4), np.uint8)])
def test_labels_that_are_one_number_in_all_are_refused_with_their_shape(rows: np.ndarray, tmp_path: Path):
    np.savez(tmp_path / "one.npz", x_train=rows, y_train=np.array(3.0))

    for task in (None, "regression"):
        with pytest.raises(DatasetError, match=r"y_train"):
            read(tmp_path / "one.npz", task=task)
