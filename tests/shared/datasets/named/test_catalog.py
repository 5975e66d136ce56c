import gzip
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets.named import KerasProcess
from deepchord.shared.datasets.named.catalog import (
    CIFAR10,
    DIGITS,
    FASHION,
    NAMED_DATASETS,
    NamedDataset,
    content_sha256,
    read_idx_folder,
)
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import write_npz

ARRAYS = {
    "x_train": np.arange(48, dtype=np.uint8).reshape(3, 4, 4),
    "y_train": np.array([0, 1, 2], np.uint8),
    "x_test": np.arange(32, dtype=np.uint8).reshape(2, 4, 4),
    "y_test": np.array([2, 0], np.uint8),
}
FILES = dict(
    zip(ARRAYS, ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"], strict=True)
)
#: Reads the archive as Keras does: from its own name in the home, unpacked next to it.
FAKE_CIFAR10 = """
import os, pathlib, numpy as np
def load_data():
    folder = pathlib.Path(os.environ["KERAS_HOME"]) / "datasets"
    value = int((folder / "cifar-10-batches-py-target_archive").read_text())
    (folder / "cifar-10-batches-py-target").mkdir()
    images, labels = np.full((2, 4, 4, 3), value, "u1"), np.array([[0], [1]])
    return (images, labels), (images, labels)
"""


@pytest.fixture
def fake_keras(tmp_path: Path) -> KerasProcess:
    datasets = tmp_path / "packages" / "keras" / "datasets"
    datasets.mkdir(parents=True)
    (datasets.parent / "__init__.py").write_text("__version__ = '3.99'")
    (datasets / "__init__.py").touch()
    (datasets / "cifar10.py").write_text(FAKE_CIFAR10)
    return KerasProcess(environment=os.environ | {"PYTHONPATH": str(tmp_path / "packages")}, timeout_s=60)


def write_idx_folder(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, array in ARRAYS.items():
        header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
        (folder / f"{FILES[name]}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))


def test_three_data_sets_have_a_name_and_ten_classes_each():
    assert sorted(NAMED_DATASETS) == ["cifar10", "digits", "fashion"]
    assert {len(set(named.class_names)) for named in NAMED_DATASETS.values()} == {10}


def test_the_sha256_of_arrays_covers_type_shape_and_values():
    changed = [
        ARRAYS | {"x_test": ARRAYS["x_test"].astype(np.int8)},
        ARRAYS | {"x_test": ARRAYS["x_test"].reshape(2, 2, 8)},
        ARRAYS | {"y_test": np.array([2, 1], np.uint8)},
    ]

    assert len({content_sha256(arrays) for arrays in [ARRAYS, *changed]}) == 4
    assert content_sha256(ARRAYS) == content_sha256({name: np.asfortranarray(a) for name, a in ARRAYS.items()})


def test_idx_files_in_the_keras_cache_are_read(tmp_path: Path, fake_keras: KerasProcess):
    write_idx_folder(tmp_path / "fashion-mnist")
    named = replace(FASHION, sha256=content_sha256(ARRAYS))

    arrays = named.read(named, tmp_path, fake_keras)

    np.testing.assert_array_equal(arrays["x_train"], ARRAYS["x_train"])


def test_idx_files_with_another_sha256_are_refused_with_both(tmp_path: Path):
    write_idx_folder(tmp_path / "fashion")

    with pytest.raises(DatasetError, match=f"expected the SHA-256 {FASHION.sha256}, found {content_sha256(ARRAYS)}"):
        read_idx_folder(FASHION, tmp_path / "fashion")


def test_the_npz_of_digits_in_the_keras_cache_is_read(tmp_path: Path, fake_keras: KerasProcess):
    data = write_npz(ARRAYS)
    (tmp_path / "mnist.npz").write_bytes(data)
    named = replace(DIGITS, sha256=hashlib.sha256(data).hexdigest())

    arrays = named.read(named, tmp_path, fake_keras)

    np.testing.assert_array_equal(arrays["x_test"], ARRAYS["x_test"])


def test_the_npz_of_digits_with_another_sha256_is_refused(tmp_path: Path, fake_keras: KerasProcess):
    (tmp_path / "mnist.npz").write_bytes(write_npz(ARRAYS))

    with pytest.raises(DatasetError, match=f"expected the SHA-256 {DIGITS.sha256}, found "):
        DIGITS.read(DIGITS, tmp_path, fake_keras)


def cifar10(content: bytes) -> NamedDataset:
    return replace(CIFAR10, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("name", ["cifar-10-batches-py-target_archive", "cifar-10-batches-py.tar.gz"])
def test_the_archive_of_cifar10_is_read_by_keras_and_the_cache_is_left_alone(
    tmp_path: Path, fake_keras: KerasProcess, name: str
):
    cache = tmp_path / "datasets"
    cache.mkdir()
    (cache / name).write_bytes(b"77")
    named = cifar10(b"77")

    arrays = named.read(named, cache, fake_keras)

    assert arrays["x_train"].shape == (2, 4, 4, 3)
    assert (arrays["x_train"] == 77).all()
    assert [path.name for path in cache.iterdir()] == [name]


def test_an_archive_with_another_sha256_is_never_given_to_keras(tmp_path: Path):
    (tmp_path / "cifar-10-batches-py-target_archive").write_bytes(b"77")
    no_keras = KerasProcess(environment={"PATH": "/nowhere"}, timeout_s=0.0)

    with pytest.raises(DatasetError, match=f"expected the SHA-256 {CIFAR10.sha256}, found "):
        CIFAR10.read(CIFAR10, tmp_path, no_keras)


@pytest.mark.parametrize("named", NAMED_DATASETS.values(), ids=NAMED_DATASETS)
def test_an_empty_keras_cache_is_a_file_not_found(tmp_path: Path, fake_keras: KerasProcess, named: NamedDataset):
    with pytest.raises(FileNotFoundError):
        named.read(named, tmp_path, fake_keras)
