import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from deepchord.shared.datasets import Dataset, encode_dataset, load_dataset, publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays, decode_dataset
from deepchord.shared.errors import CorruptObjectError, DatasetError, ObjectNotFoundError
from deepchord.shared.images import scaled
from deepchord.shared.settings import Settings
from deepchord.shared.storage import InputStore, ObjectStore, RunStore
from tests.shared.datasets.examples import assert_same, random_datasets, small_dataset


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(Settings(storage=str(tmp_path / "storage")))


@given(dataset=random_datasets())
def test_a_data_set_comes_back_from_its_bytes_as_it_was(dataset: Dataset):
    data = encode_dataset(dataset)

    found = decode_dataset(data, "drawn", "there")

    assert_same(found, dataset)
    assert encode_dataset(found) == data


def test_the_bytes_of_a_data_set_do_not_change_between_versions():
    expected = "84f78a88c77273311c2f78877d34b4e3b36020fc1fdf74cba7df7410ce367f9d"

    assert hashlib.sha256(encode_dataset(small_dataset())).hexdigest() == expected


def test_labels_of_another_width_give_the_same_bytes():
    dataset = small_dataset()

    assert encode_dataset(replace(dataset, y_test=dataset.y_test.astype(np.int32))) == encode_dataset(dataset)


def test_the_arrays_of_a_decoded_data_set_cannot_be_changed():
    found = decode_dataset(encode_dataset(small_dataset()), "small", "there")

    with pytest.raises(ValueError, match="read-only"):
        found.x_train[0] = 0


def test_making_a_data_set_leaves_the_given_arrays_writable_and_uncopied():
    images = np.zeros((2, 3, 3), np.uint8)
    labels = np.array([0, 1])

    found = dataset_from_arrays(
        {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}, name="mine", source="memory"
    )

    assert images.flags.writeable
    assert np.shares_memory(found.x_train, images)
    assert found.class_names == ("0", "1")


def test_scaling_divides_uint8_by_255_in_float32():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)

    found = scaled(images)

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_scaling_returns_a_new_contiguous_array_and_leaves_the_images(dtype: str):
    images = np.ones((2, 3, 4, 5), dtype).transpose(0, 2, 3, 1)

    found = scaled(images)
    found += 1

    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert (images == 1).all()


def test_scaling_leaves_floats_as_they_are():
    images = np.array([[-2.0, 255.0]], np.float32)

    np.testing.assert_array_equal(scaled(images), images)


def test_a_published_data_set_is_loaded_from_storage_and_described(store: RunStore, tmp_path: Path):
    dataset = small_dataset()

    info = publish_dataset(dataset, store)

    assert (info.name, info.input_shape, info.train_size, info.test_size) == ("small", (5, 4, 1), 6, 3)
    assert info.class_names == ("cat", "dog", "cow")
    assert store.inputs.has_dataset(info.sha256, encode_dataset(dataset))
    assert_same(load_dataset(info, store, tmp_path / "cache"), dataset)


class CountingInputs(InputStore):
    """A real store of data sets that counts what is carried to and fro."""

    published = 0
    fetched = 0

    def publish_dataset(self, sha256: str, data: bytes) -> None:
        self.published += 1
        super().publish_dataset(sha256, data)

    def dataset(self, sha256: str) -> bytes:
        self.fetched += 1
        return super().dataset(sha256)


class CountingStore(RunStore):
    """A real store whose data sets are counted."""

    def __init__(self, objects: ObjectStore) -> None:
        super().__init__(objects)
        self.counted = CountingInputs(objects)

    @property
    def inputs(self) -> InputStore:
        return self.counted


@pytest.fixture
def counting_store(tmp_path: Path) -> CountingStore:
    return CountingStore.open(Settings(storage=str(tmp_path / "storage")))


def test_a_data_set_is_uploaded_once_even_under_two_names(counting_store: CountingStore):
    first = publish_dataset(small_dataset(), counting_store)
    second = publish_dataset(small_dataset("same.npz"), counting_store)

    assert counting_store.counted.published == 1
    assert (first.sha256, second.name) == (second.sha256, "same.npz")


@pytest.mark.parametrize("damage", [b"", b"torn", None])
def test_a_data_set_that_is_damaged_in_storage_is_put_right_when_it_is_published_again(
    store: RunStore, tmp_path: Path, damage: bytes | None
):
    info = publish_dataset(small_dataset(), store)
    path = tmp_path / "storage" / "datasets" / f"{info.sha256}.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"?" if damage is None else damage)

    assert publish_dataset(small_dataset(), store) == info

    assert_same(load_dataset(info, store, tmp_path / "cache"), small_dataset())


def test_a_worker_fetches_a_data_set_once(counting_store: CountingStore, tmp_path: Path):
    info = publish_dataset(small_dataset(), counting_store)

    for _ in range(3):
        assert_same(load_dataset(info, counting_store, tmp_path / "cache"), small_dataset())

    assert counting_store.counted.fetched == 1
    assert [path.name for path in (tmp_path / "cache" / "datasets").iterdir()] == [f"{info.sha256}.npz"]


@pytest.mark.parametrize("damage", [b"", b"something else"])
def test_a_damaged_copy_in_the_cache_is_fetched_again(
    counting_store: CountingStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
):
    info = publish_dataset(small_dataset(), counting_store)
    load_dataset(info, counting_store, tmp_path)
    copy = tmp_path / "datasets" / f"{info.sha256}.npz"
    copy.write_bytes(damage)

    assert_same(load_dataset(info, counting_store, tmp_path), small_dataset())

    assert counting_store.counted.fetched == 2
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == info.sha256
    assert [record.action for record in caplog.records] == ["dataset_cache_damaged"]


def test_a_cache_that_cannot_be_written_costs_a_warning_only(
    store: RunStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    info = publish_dataset(small_dataset(), store)
    (tmp_path / "file").write_text("a file stands where a folder is needed")

    with caplog.at_level(logging.WARNING):
        found = load_dataset(info, store, tmp_path / "file")

    assert_same(found, small_dataset())
    assert [record.action for record in caplog.records] == ["dataset_cache_unreadable", "dataset_not_cached"]


def test_a_copy_that_cannot_be_replaced_costs_a_warning_only(
    store: RunStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    info = publish_dataset(small_dataset(), store)
    (tmp_path / "datasets" / f"{info.sha256}.npz").mkdir(parents=True)

    assert_same(load_dataset(info, store, tmp_path), small_dataset())

    assert [record.action for record in caplog.records] == ["dataset_cache_unreadable", "dataset_not_cached"]
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [f"{info.sha256}.npz"]


def test_a_damaged_data_set_in_storage_is_never_used(store: RunStore, tmp_path: Path):
    info = publish_dataset(small_dataset(), store)
    (tmp_path / "storage" / "datasets" / f"{info.sha256}.npz").write_bytes(b"something else")

    with pytest.raises(CorruptObjectError, match="is damaged"):
        load_dataset(info, store, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_data_set_that_storage_lacks_is_an_error(store: RunStore, tmp_path: Path):
    info = publish_dataset(small_dataset(), store).model_copy(update={"sha256": "0" * 64})

    with pytest.raises(ObjectNotFoundError):
        load_dataset(info, store, tmp_path / "cache")


def test_bytes_in_storage_that_are_no_data_set_are_an_error(store: RunStore, tmp_path: Path):
    data = b"no data set"
    sha256 = hashlib.sha256(data).hexdigest()
    info = publish_dataset(small_dataset(), store).model_copy(update={"sha256": sha256})
    store.inputs.publish_dataset(sha256, data)

    with pytest.raises(DatasetError, match=r"is no \.npz file"):
        load_dataset(info, store, tmp_path / "cache")


def test_a_data_set_that_is_not_as_the_run_describes_it_is_an_error(store: RunStore, tmp_path: Path):
    info = publish_dataset(small_dataset(), store).model_copy(update={"train_size": 7})

    with pytest.raises(DatasetError, match="expected train_size 7, found 6"):
        load_dataset(info, store, tmp_path / "cache")
