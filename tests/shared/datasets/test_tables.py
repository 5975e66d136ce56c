"""Tables as data sets: split, prepared, published and loaded again."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchord.shared.datasets import Places, dataset_of_table, find_dataset, load_dataset, publish_dataset
from deepchord.shared.datasets.own_files import FileOptions, path_kind
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import DatasetInfo, StratifiedSplit
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import table_of_frame


@pytest.fixture
def flowers() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    size = 50
    kind = np.repeat(["rose", "tulip"], size // 2)
    return pd.DataFrame(
        {
            "length": generator.normal(size=size) + 3 * (kind == "rose"),
            "colour": generator.choice(["red", "white"], size),
            "kind": kind,
        }
    )


def test_a_csv_file_is_a_data_set(flowers: pd.DataFrame, tmp_path: Path):
    flowers.to_csv(tmp_path / "flowers.csv", index=False)

    found = find_dataset(str(tmp_path / "flowers.csv"), Places(keras_home=tmp_path), options=FileOptions(target="kind"))

    assert (found.name, found.class_names) == ("flowers.csv", ("rose", "tulip"))
    assert (found.x_train.shape, found.x_test.shape) == ((40, 3), (10, 3))
    assert np.bincount(found.y_test).tolist() == [5, 5]
    assert found.table is not None
    assert (found.table.target, found.table.names) == ("kind", ("length", "colour"))
    assert found.split == StratifiedSplit(share=0.2, seed=0)


def test_test_rows_without_a_class_are_left_out(flowers: pd.DataFrame, caplog):
    test = flowers.iloc[::5].copy()
    test.iloc[2, 2] = None

    found = dataset_of_table(table_of_frame(flowers), name="flowers", test=table_of_frame(test, "the test"))

    assert len(found.x_test) == len(found.y_test) == 9
    assert "1 of 10 rows of the test have no 'kind', and are left out." in caplog.text
    with pytest.raises(DatasetError, match="the test: no row has a class to predict in 'kind'"):
        dataset_of_table(
            table_of_frame(flowers), name="flowers", test=table_of_frame(test.assign(kind=None), "the test")
        )


def test_decimal_numbers_are_numbers(flowers: pd.DataFrame):
    flowers["price"] = [Decimal(f"{number}.25") if number else None for number in range(50)]

    found = dataset_of_table(table_of_frame(flowers), name="flowers", target="kind")

    assert found.table is not None
    assert "price" in found.table.names


def test_the_same_rows_are_drawn_again(flowers: pd.DataFrame):
    table = table_of_frame(flowers)

    splits = [StratifiedSplit(share=0.2, seed=seed) for seed in (0, 0, 1)]
    first, second, other = (dataset_of_table(table, name="flowers", test=split) for split in splits)

    np.testing.assert_array_equal(first.x_test, second.x_test)
    assert not np.array_equal(first.x_test, other.x_test)


def test_test_rows_decide_nothing(flowers: pd.DataFrame):
    rows = flowers.sample(frac=1, random_state=0)
    train, test = rows[:40], rows[40:].copy()
    usual = dataset_of_table(table_of_frame(train), name="flowers", test=table_of_frame(test))
    test["length"] *= 1000
    changed = dataset_of_table(table_of_frame(train), name="flowers", test=table_of_frame(test))

    assert changed.table == usual.table
    np.testing.assert_array_equal(changed.x_train, usual.x_train)
    assert usual.split is None


def test_test_rows_of_other_classes_are_refused(flowers: pd.DataFrame):
    test = flowers.assign(kind="daisy")

    with pytest.raises(DatasetError, match="row 1, column 'kind' holds 'daisy', which is no class"):
        dataset_of_table(table_of_frame(flowers), name="flowers", test=table_of_frame(test))


def test_a_published_table_is_loaded_with_its_preprocessing(flowers: pd.DataFrame, tmp_path: Path):
    dataset = dataset_of_table(table_of_frame(flowers), name="flowers")
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))

    info = publish_dataset(dataset, store)
    loaded = load_dataset(DatasetInfo.decode(info.encode(), "stored"), store, tmp_path / "cache")

    assert info.input_shape == (3,)
    assert loaded.table == dataset.table == info.table
    np.testing.assert_array_equal(loaded.x_train, dataset.x_train)


def test_a_description_without_a_table_is_one_of_images():
    described = {"name": "a", "sha256": "0" * 64, "class_names": ["a", "b"], "train_size": 1, "test_size": 1}

    assert DatasetInfo.model_validate(described | {"input_shape": [8, 8, 1]}).image_shape == (8, 8, 1)
    with pytest.raises(ValueError, match="and not that of the images or of the table's columns"):
        DatasetInfo.model_validate(described | {"input_shape": [8]})


@pytest.mark.parametrize("with_test", [False, True])
def test_an_archive_of_rows_is_a_table(with_test: bool, tmp_path: Path):
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(30, 4)), np.arange(30) % 3
    arrays = {"x_train": rows, "y_train": labels, "class_names": np.array(["a", "b", "c"])}
    np.savez(tmp_path / "rows.npz", **arrays, **({"x_test": rows, "y_test": labels} if with_test else {}))

    found = find_dataset(str(tmp_path / "rows.npz"), Places(keras_home=tmp_path))

    assert found.table is not None
    assert found.table.names == ("feature_1", "feature_2", "feature_3", "feature_4")
    assert (found.class_names, len(found.x_test)) == (("a", "b", "c"), 30 if with_test else 6)


def test_an_archive_of_rows_may_have_weights_and_names_as_bytes(tmp_path: Path):
    rows = {
        "x_train": np.arange(120.0).reshape(60, 2),
        "y_train": np.arange(60) % 2,
        "class_names": np.array([b"a", b"b"]),
    }
    np.savez(tmp_path / "rows.npz", **rows, sample_weights_train=1.0 + np.arange(60))
    np.savez(tmp_path / "half.npz", **rows, x_test=rows["x_train"])

    found = find_dataset(str(tmp_path / "rows.npz"), Places(keras_home=tmp_path))

    assert found.class_names == ("a", "b")
    assert found.sample_weights_train is not None
    assert len(found.sample_weights_train) == len(found.x_train) == 48
    with pytest.raises(DatasetError, match="has x_test without y_test"):
        find_dataset(str(tmp_path / "half.npz"), Places(keras_home=tmp_path))


def test_classes_are_called_alike_whether_their_column_is_named_or_found(tmp_path: Path):
    lines = ["size,kind", *(f"{number * 0.37 % 5:.2f},{number % 2 + 1}.0" for number in range(40))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    options = [FileOptions(), FileOptions(target="kind")]

    found, named = (
        find_dataset(str(tmp_path / "rows.csv"), Places(keras_home=tmp_path), options=each) for each in options
    )

    assert found.class_names == named.class_names == ("1", "2")


def test_images_and_tables_are_told_apart(tmp_path: Path):
    np.savez(tmp_path / "images.npz", x_train=np.zeros((2, 4, 4)))
    (tmp_path / "damaged.npz").write_bytes(b"PK")

    names = ("images.npz", "damaged.npz", "none.npz", "none.csv", "none.parquet")

    assert [path_kind(tmp_path / name) for name in names] == ["npz", "npz", "npz", "table", "table"]


def test_a_target_is_for_tables(tmp_path: Path):
    np.savez(tmp_path / "images.npz", x_train=np.zeros((2, 4, 4)))

    for name in ("fashion", str(tmp_path / "images.npz")):
        with pytest.raises(DatasetError, match="holds images, which have no column 'kind' to predict"):
            find_dataset(name, Places(keras_home=tmp_path), options=FileOptions(target="kind"))


@pytest.mark.parametrize("channels_first", [True, False])
def test_what_is_said_of_channels_is_for_images(tmp_path: Path, channels_first: bool):
    (tmp_path / "rows.csv").write_text("size,kind\n1,2\n")

    with pytest.raises(DatasetError, match=r"rows\.csv holds rows of a table, which have no channels: leave out"):
        find_dataset(str(tmp_path / "rows.csv"), Places(keras_home=tmp_path), channels_first)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"There is no data set and no file called .*none\.csv"):
        find_dataset(str(tmp_path / "none.csv"), Places(keras_home=tmp_path))
