import errno
import hashlib
import importlib.util
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import Places, find_dataset
from deepchord.shared.datasets.named import DEBIAN_FASHION, KerasProcess, NamedDataset, find_named_dataset
from deepchord.shared.datasets.named.catalog import CIFAR10, DIGITS
from deepchord.shared.datasets.named.download import ADDRESS
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import write_npz

IMAGES = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
LABELS = np.array([0, 1, 9])
ARRAYS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:2], "y_test": LABELS[:2]}
#: Downloads the file whose bytes are given, the way Keras does: into its home, and reads it.
FAKE_CIFAR10 = """
import os, pathlib, numpy as np
def load_data():
    path = pathlib.Path(os.environ["KERAS_HOME"]) / "datasets" / "cifar-10-batches-py-target_archive"
    path.parent.mkdir(exist_ok=True)
    path.exists() or path.write_bytes(b"77")
    images, labels = np.full((2, 4, 4, 3), 7, "u1"), np.array([[0], [1]])
    return (images, labels), (images, labels)
"""


def keras_that_downloads(folder: Path) -> KerasProcess:
    datasets = folder / "packages" / "keras" / "datasets"
    datasets.mkdir(parents=True)
    (datasets.parent / "__init__.py").write_text("__version__ = '3.99'")
    (datasets / "__init__.py").touch()
    (datasets / "cifar10.py").write_text(FAKE_CIFAR10)
    return KerasProcess(environment=os.environ | {"PYTHONPATH": str(folder / "packages")}, timeout_s=60)


def keras_that_is_missing(folder: Path) -> KerasProcess:
    (folder / "packages").mkdir()
    (folder / "packages" / "keras.py").write_text("raise ModuleNotFoundError(\"No module named 'keras'\")")
    return KerasProcess(environment=os.environ | {"PYTHONPATH": str(folder / "packages")}, timeout_s=60)


@pytest.fixture
def places(tmp_path: Path, free_port: int) -> Places:
    """Nothing is in any of these places."""
    return Places(
        keras_home=tmp_path / "keras_home",
        debian_folder=tmp_path / "debian",
        keras=keras_that_is_missing(tmp_path),
        address=f"http://127.0.0.1:{free_port}",
    )


@pytest.fixture
def served(places: Places, tmp_path: Path) -> Iterator[Path]:
    """The folder whose files are at the address of the places."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", int(places.address.rpartition(":")[2])), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


@pytest.fixture
def small_digits() -> NamedDataset:
    return replace(DIGITS, sha256=hashlib.sha256(write_npz(ARRAYS)).hexdigest())


def put_in_keras_cache(places: Places, content: bytes) -> Path:
    path = places.keras_home / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_real_fashion_images_come_from_the_debian_package(places: Places):
    if not DEBIAN_FASHION.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI must have dataset-fashion-mnist installed")
        pytest.skip("dataset-fashion-mnist is not installed")

    dataset = find_dataset("fashion", replace(places, debian_folder=DEBIAN_FASHION))

    assert dataset.name == "fashion"
    assert (dataset.x_train.shape, dataset.x_train.dtype) == ((60000, 28, 28, 1), np.uint8)
    assert dataset.x_test.shape == (10000, 28, 28, 1)
    assert np.bincount(dataset.y_train).tolist() == [6000] * 10
    assert np.bincount(dataset.y_test).tolist() == [1000] * 10
    assert dataset.class_names[0] == "T-shirt/top"
    assert dataset.class_names[9] == "Ankle boot"


def test_a_damaged_debian_file_is_passed_over_and_ends_in_the_error_with_its_reason(places: Places):
    places.debian_folder.mkdir()
    (places.debian_folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")

    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte\.gz cannot be read or is damaged"):
        find_dataset("fashion", places)


def test_fashion_that_is_nowhere_names_every_place_and_three_ways_to_get_it(places: Places):
    with pytest.raises(DatasetError) as raised:
        find_dataset("fashion", places)

    message = str(raised.value)
    assert f"the Debian folder {places.debian_folder} (no train-images-idx3-ubyte.gz)" in message
    assert f"the Keras cache {places.keras_home}/datasets (no train-images-idx3-ubyte.gz)" in message
    assert f"a download from {places.address} (train-images-idx3-ubyte.gz: [Errno {errno.ECONNREFUSED}]" in message
    assert "`apt install dataset-fashion-mnist`" in message
    assert f"put its four files into {places.keras_home}/datasets/fashion-mnist" in message
    assert "`--dataset file.npz`" in message


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_another_data_set_that_is_nowhere_names_every_place_but_the_debian_folder(places: Places, name: str):
    with pytest.raises(DatasetError, match=f"Data set '{name}' was not found") as raised:
        find_dataset(name, places)

    assert "Debian folder" not in str(raised.value)
    assert "`--dataset file.npz`" in str(raised.value)
    assert "`apt install dataset-fashion-mnist`" in str(raised.value)


def test_digits_come_from_the_keras_cache_with_their_class_names(places: Places, small_digits: NamedDataset):
    put_in_keras_cache(places, write_npz(ARRAYS))

    dataset = find_named_dataset(small_digits, places)

    assert (dataset.name, dataset.class_names) == ("digits", tuple("0123456789"))
    assert dataset.x_train.shape == (3, 4, 4, 1)


def test_a_download_is_verified_and_kept_for_the_next_time(
    places: Places, small_digits: NamedDataset, served: Path, caplog: pytest.LogCaptureFixture
):
    (served / "mnist.npz").write_bytes(write_npz(ARRAYS))

    with caplog.at_level(logging.INFO):
        find_named_dataset(small_digits, places)

    assert [record.action for record in caplog.records] == ["dataset_download"]
    (served / "mnist.npz").unlink()
    assert find_named_dataset(small_digits, places).x_train.shape == (3, 4, 4, 1)


def test_the_four_files_of_fashion_are_downloaded_without_keras(places: Places, served: Path):
    if not DEBIAN_FASHION.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI must have dataset-fashion-mnist installed")
        pytest.skip("dataset-fashion-mnist is not installed")
    for path in DEBIAN_FASHION.iterdir():
        (served / path.name).symlink_to(path)

    assert find_dataset("fashion", places).x_train.shape == (60000, 28, 28, 1)

    kept = places.keras_home / "datasets" / "fashion-mnist"
    assert sorted(path.name for path in kept.iterdir()) == sorted(path.name for path in DEBIAN_FASHION.iterdir())


def test_what_only_keras_can_read_is_downloaded_through_it(places: Places, tmp_path: Path):
    small = replace(CIFAR10, sha256=hashlib.sha256(b"77").hexdigest())

    with pytest.raises(DatasetError, match=r"a download through Keras \(Keras cannot be imported: No module named"):
        find_named_dataset(small, places)
    dataset = find_named_dataset(small, replace(places, keras=keras_that_downloads(tmp_path / "fake")))

    assert dataset.x_train.shape == (2, 4, 4, 3)
    assert (places.keras_home / "datasets" / "cifar-10-batches-py-target_archive").read_bytes() == b"77"


def test_files_come_from_where_keras_has_them():
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        pytest.skip("Keras is not installed")
    sources = Path(spec.origin).parent / "src" / "datasets"
    if not sources.is_dir():
        pytest.skip("this is not Keras 3")

    for name in ("fashion_mnist.py", "mnist.py"):
        assert f"{ADDRESS}/" in (sources / name).read_text()


@pytest.mark.parametrize(("name", "content"), [("mnist.npz", b""), ("another", b"")])
def test_a_download_that_is_missing_or_empty_is_named_with_the_reason(
    places: Places, served: Path, name: str, content: bytes
):
    (served / name).write_bytes(content)
    reason = "is not the data set" if name == "mnist.npz" else "mnist.npz: HTTP Error 404: File not found"

    with pytest.raises(DatasetError, match=f"a download from {places.address} .*{reason}"):
        find_dataset("digits", places)


def test_a_download_that_is_not_the_data_set_is_neither_used_nor_kept(places: Places, served: Path):
    (served / "mnist.npz").write_bytes(write_npz(ARRAYS))

    with pytest.raises(DatasetError, match=f"a download from .*expected the SHA-256 {DIGITS.sha256}"):
        find_dataset("digits", places)
    assert not places.keras_home.exists()


def test_a_download_that_cannot_be_kept_is_used_all_the_same(
    places: Places, small_digits: NamedDataset, served: Path, caplog: pytest.LogCaptureFixture
):
    places.keras_home.mkdir()
    (places.keras_home / "datasets").write_text("a file stands where a folder is needed")
    (served / "mnist.npz").write_bytes(write_npz(ARRAYS))

    dataset = find_named_dataset(small_digits, places)

    assert dataset.x_train.shape == (3, 4, 4, 1)
    assert [record.action for record in caplog.records] == ["dataset_not_kept", "dataset_place_damaged"]


def test_a_damaged_file_in_the_keras_cache_is_passed_over_with_a_warning(
    places: Places, small_digits: NamedDataset, served: Path, caplog: pytest.LogCaptureFixture
):
    damaged = put_in_keras_cache(places, b"cut off")
    (served / "mnist.npz").write_bytes(write_npz(ARRAYS))

    find_named_dataset(small_digits, places)

    assert "passed over was the Keras cache" in caplog.text
    assert damaged.read_bytes() == write_npz(ARRAYS)


def test_a_fifo_in_the_place_of_a_data_set_is_passed_over(places: Places):
    put_in_keras_cache(places, b"").unlink()
    os.mkfifo(places.keras_home / "datasets" / "mnist.npz")

    with pytest.raises(DatasetError, match="it is a FIFO"):
        find_dataset("digits", places)
