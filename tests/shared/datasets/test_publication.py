"""Data sets in shards; those of one file are in test_dataset.py."""

import hashlib
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.shared.datasets import Dataset, Sharding, load_dataset, load_labels, publish_dataset
from deepchord.shared.errors import CorruptObjectError, DatasetError, StorageError
from deepchord.shared.files import is_mapped
from deepchord.shared.messages import DatasetInfo, DatasetManifest
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.shared.datasets.examples import assert_same, random_datasets

#: Two of the images below in a shard.
TINY = Sharding(one_file_bytes=0, shard_bytes=128 + 2 * 20)


def numbered() -> Dataset:
    """Seven images for training and three for the test, of 20 bytes each."""
    pixels = np.arange(200, dtype=np.uint8).reshape(10, 5, 4, 1)
    labels = np.arange(10) % 3
    weights = np.arange(1, 8, dtype=np.float32)
    return Dataset(
        name="numbered",
        x_train=pixels[:7],
        y_train=labels[:7],
        x_test=pixels[7:],
        y_test=labels[7:],
        class_names=("cat", "dog", "cow"),
        sample_weights_train=weights,
    )


def shards_in(folder: Path) -> list[Path]:
    return sorted((folder / "storage" / "datasets" / "shards").iterdir())


@pytest.fixture
def info(store: RunStore) -> DatasetInfo:
    """The data set above, published in shards."""
    return publish_dataset(numbered(), store, sharding=TINY)


@pytest.fixture
def reads(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are read from the storage, in their order."""
    seen: list[str] = []
    get = store.objects.get

    def noted(key: str, most_bytes: int | None = None) -> bytes:
        seen.append(key)
        return get(key, most_bytes)

    monkeypatch.setattr(store.objects, "get", noted)
    return seen


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(dataset=random_datasets(), shard_bytes=st.integers(1, 400))
def test_what_is_loaded_is_what_was_published_however_it_was_cut(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset, shard_bytes: int
):
    folder = tmp_path_factory.mktemp("set")
    store = RunStore.open(load_settings(storage=str(folder / "storage")))

    info = publish_dataset(dataset, store, sharding=Sharding(one_file_bytes=0, shard_bytes=shard_bytes))
    found = load_dataset(info, store, folder / "cache")

    assert_same(found, replace(dataset, name=info.name))
    assert info == publish_dataset(dataset, store).model_copy(update={"sha256": info.sha256, "in_shards": True})


def test_images_of_shards_are_memory_maps_and_labels_are_in_memory(store: RunStore, info: DatasetInfo, tmp_path: Path):
    found = load_dataset(info, store, tmp_path / "cache")

    assert is_mapped(found.x_train)
    assert is_mapped(found.x_test)
    assert not is_mapped(found.y_train)
    assert not is_mapped(found.sample_weights_train)
    assert not found.x_train.flags.writeable


def test_equal_content_has_one_name_and_lies_in_storage_once(store: RunStore, info: DatasetInfo, tmp_path: Path):
    before = [(path.name, path.stat().st_mtime_ns) for path in shards_in(tmp_path)]

    again = publish_dataset(replace(numbered(), name="other"), store, sharding=TINY)

    assert again.sha256 == info.sha256
    assert [(path.name, path.stat().st_mtime_ns) for path in shards_in(tmp_path)] == before


def test_each_shard_is_a_file_that_numpy_reads_under_its_sha256(store: RunStore, info: DatasetInfo, tmp_path: Path):
    manifest = DatasetManifest.decode((tmp_path / "storage" / "datasets" / f"{info.sha256}.json").read_bytes(), "it")
    images = manifest.arrays[0]

    files = [tmp_path / "storage" / "datasets" / "shards" / f"{sha256}.npy" for sha256 in images.shards]

    assert [len(np.load(file)) for file in files] == [2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([np.load(file) for file in files]), numbered().x_train)


def test_a_small_data_set_is_one_file_as_ever(store: RunStore, tmp_path: Path):
    info = publish_dataset(numbered(), store)

    assert not info.in_shards
    assert b"in_shards" not in info.encode()
    assert [path.name for path in (tmp_path / "storage" / "datasets").iterdir()] == [f"{info.sha256}.npz"]


def test_shards_are_fetched_once_for_all_processes_of_a_host(
    store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str]
):
    load_dataset(info, store, tmp_path / "cache")
    fetched = len(reads)

    load_dataset(info, store, tmp_path / "cache")

    assert fetched == 1 + len(shards_in(tmp_path))
    assert len(reads) == fetched


def test_of_two_who_fetch_at_once_one_does(store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str]):
    together, found = threading.Barrier(2), []

    def load() -> None:
        together.wait()
        found.append(load_dataset(info, store, tmp_path / "cache"))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for dataset in found:
        assert_same(dataset, numbered())
    assert len(found) == 2
    shards = [key for key in reads if key.endswith(".npy")]
    assert sorted(shards) == sorted(set(shards))


_KILLED = """
import os, signal, sys
from pathlib import Path
from deepchord.shared.datasets import load_dataset
from deepchord.shared.messages import DatasetInfo
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore

left = 3
def advance():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
info = DatasetInfo.decode(sys.stdin.buffer.read(), "stdin")
load_dataset(info, RunStore.open(load_settings(storage=str(folder / "storage"))), folder / "cache", advance)
"""


def test_what_a_killed_worker_had_fetched_is_not_fetched_again(
    store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str]
):
    killed = subprocess.run([sys.executable, "-c", _KILLED, tmp_path], input=info.encode(), check=False)
    assert killed.returncode == -9

    found = load_dataset(info, store, tmp_path / "cache")

    assert_same(found, numbered())
    # The killed one had the manifest; of three shards the last may not have left its buffer.
    assert len(shards_in(tmp_path)) - 3 <= len(reads) < len(shards_in(tmp_path))


def test_a_damaged_shard_in_storage_is_named_and_nothing_comes_of_it(
    store: RunStore, info: DatasetInfo, tmp_path: Path
):
    broken = shards_in(tmp_path)[2]
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")

    with pytest.raises(CorruptObjectError, match=f"datasets/shards/{broken.name} is damaged: .*publishes it anew"):
        load_dataset(info, store, tmp_path / "cache")

    assert publish_dataset(numbered(), store, sharding=TINY) == info
    assert_same(load_dataset(info, store, tmp_path / "cache"), numbered())


def test_a_file_of_the_cache_that_was_changed_is_verified_and_what_is_damaged_is_fetched_again(
    store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str]
):
    load_dataset(info, store, tmp_path / "cache")
    copy = tmp_path / "cache" / "datasets" / info.sha256 / "x_train.npy"
    data = copy.read_bytes()
    copy.write_bytes(data[:-1] + b"?")
    reads.clear()

    found = load_dataset(info, store, tmp_path / "cache")

    assert_same(found, numbered())
    assert len(reads) == 1
    assert copy.read_bytes() == data


def test_a_file_of_the_cache_that_was_cut_off_is_filled_again(store: RunStore, info: DatasetInfo, tmp_path: Path):
    load_dataset(info, store, tmp_path / "cache")
    copy = tmp_path / "cache" / "datasets" / info.sha256 / "x_train.npy"
    copy.write_bytes(copy.read_bytes()[:60])

    assert_same(load_dataset(info, store, tmp_path / "cache"), numbered())


def test_who_wants_the_test_labels_fetches_them_alone(
    store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str]
):
    labels = load_labels(info, "test", store, tmp_path / "cache")

    np.testing.assert_array_equal(labels, numbered().y_test)
    assert len(reads) == 2


def test_a_fetch_can_be_given_up_and_goes_on_later(store: RunStore, info: DatasetInfo, tmp_path: Path):
    def leave() -> None:
        raise RuntimeError("leaving")

    with pytest.raises(RuntimeError, match="leaving"):
        load_dataset(info, store, tmp_path / "cache", leave)

    assert_same(load_dataset(info, store, tmp_path / "cache"), numbered())


def test_a_cache_that_cannot_be_written_is_named(store: RunStore, info: DatasetInfo, tmp_path: Path):
    (tmp_path / "file").write_text("a file stands where a folder is needed")

    with pytest.raises(StorageError, match=r"too large for memory and cannot be kept in .*DEEPCHORD_CACHE\.$"):
        load_dataset(info, store, tmp_path / "file")


def test_a_cache_without_room_is_told_before_anything_is_fetched(
    store: RunStore, info: DatasetInfo, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())

    with pytest.raises(StorageError, match=r"GiB are free there: free some space, .*DEEPCHORD_CACHE\.$") as caught:
        load_dataset(info, store, tmp_path / "cache")

    assert not isinstance(caught.value, CorruptObjectError)
    assert [key for key in reads if key.endswith(".npy")] == []


def test_shards_that_are_not_as_the_run_describes_them_are_an_error(store: RunStore, info: DatasetInfo, tmp_path: Path):
    with pytest.raises(DatasetError, match="expected train_size 8, found 7"):
        load_dataset(info.model_copy(update={"train_size": 8}), store, tmp_path / "cache")


def test_a_manifest_without_images_is_refused(store: RunStore, info: DatasetInfo, tmp_path: Path):
    path = tmp_path / "storage" / "datasets" / f"{info.sha256}.json"
    manifest = DatasetManifest.decode(path.read_bytes(), "it")
    less = manifest.model_copy(update={"arrays": manifest.arrays[1:]})
    sha256 = hashlib.sha256(less.encode()).hexdigest()
    (path.parent / f"{sha256}.json").write_bytes(less.encode())

    with pytest.raises(CorruptObjectError, match=r"lacks x_train: publish it anew\.$"):
        load_dataset(info.model_copy(update={"sha256": sha256}), store, tmp_path / "cache")


def test_the_same_shards_come_from_s3(s3_server, monkeypatch: pytest.MonkeyPatch, info: DatasetInfo, tmp_path: Path):
    for name, value in s3_server.variables().items():
        monkeypatch.setenv(name, value)
    store = RunStore.open(load_settings(storage=s3_server.new_storage()))

    published = publish_dataset(numbered(), store, sharding=TINY)

    assert published == info
    assert_same(load_dataset(published, store, tmp_path / "cache"), numbered())


def test_the_broker_refuses_large_data_sets_in_a_sentence(broker_url: str):
    store = RunStore.open(load_settings(broker=broker_url, storage="broker://"))
    pixels = np.broadcast_to(np.zeros((), np.uint8), (140 * 2**10, 32, 32, 1))
    dataset = replace(numbered(), x_train=pixels, y_train=np.arange(len(pixels)) % 3, sample_weights_train=None)

    with pytest.raises(
        StorageError,
        match=r"^The data set has 141 MiB, and storage broker:// takes .* at most 128 MiB: "
        r"give a folder that all hosts share, or s3://bucket, with --storage\.$",
    ):
        publish_dataset(dataset, store, sharding=TINY)
