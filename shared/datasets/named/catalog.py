"""The data sets with a name: their files, how each is read, and its SHA-256."""

import hashlib
import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.dataset import ARRAYS
from deepchord.shared.datasets.named.keras_download import KerasProcess
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import check_regular, read_idx, read_npz

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class NamedDataset:
    """A data set that is found by its name; its SHA-256 is always checked."""

    name: str
    class_names: tuple[str, ...]
    #: Its module in `keras.datasets`, if only Keras can read the download; None if Keras is not needed.
    keras_name: str | None
    #: The downloaded files, relative to the folder `datasets` of the Keras home; the current name first.
    files: tuple[str, ...]
    #: The SHA-256 of the arrays, or of the file that Keras downloads; `read` decides which.
    sha256: str
    #: Returns the verified arrays from a Keras `datasets` folder. Raises FileNotFoundError if they are not there, and
    #: DatasetError if they are damaged.
    read: Callable[["NamedDataset", Path, KerasProcess], Arrays]


def read_idx_folder(named: NamedDataset, folder: Path) -> Arrays:
    """Return a data set from the four IDX files of MNIST, gzipped or not; the SHA-256 covers the arrays.

    Raises:
        FileNotFoundError: A file is missing.
        DatasetError: A file is damaged, or the arrays do not have the SHA-256 of the data set.
    """
    arrays = {array: read_idx(folder / file) for array, file in _IDX_FILES.items()}
    _check(named, content_sha256(arrays), str(folder))
    return arrays


def content_sha256(arrays: Arrays) -> str:
    """Return the SHA-256 of the types, shapes and values of the four arrays, independent of the file format."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def read_keras_idx(named: NamedDataset, keras_datasets: Path, _keras: KerasProcess) -> Arrays:
    """Return a data set that Keras keeps as IDX files in the folder `fashion-mnist`."""
    return read_idx_folder(named, keras_datasets / "fashion-mnist")


def read_keras_npz(named: NamedDataset, keras_datasets: Path, _keras: KerasProcess) -> Arrays:
    """Return a data set that Keras keeps as one `.npz`; the SHA-256 is that of the file, which Keras checks as well."""
    path = keras_datasets / named.files[0]
    check_regular(path)
    data = path.read_bytes()
    _check(named, hashlib.sha256(data).hexdigest(), str(path))
    return read_npz(io.BytesIO(data), str(path), ARRAYS)


def read_keras_archive(named: NamedDataset, keras_datasets: Path, keras: KerasProcess) -> Arrays:
    """Return a data set that Keras keeps as an archive of pickles, which only Keras unpacks.

    The SHA-256 is that of the archive, which Keras checks as well. Keras gets the archive alone, in a temporary home,
    so that it reads no files that were unpacked earlier and may have been changed.
    """
    assert named.keras_name is not None, f"{named.name} is read by Keras"  # noqa: S101  for the type checker
    present = [file for file in named.files if (keras_datasets / file).exists()]
    archive = keras_datasets / (present or named.files)[0]
    check_regular(archive)
    with archive.open("rb") as file:
        _check(named, hashlib.file_digest(file, "sha256").hexdigest(), str(archive))
    with tempfile.TemporaryDirectory(prefix="deepchord-") as folder:
        home = Path(folder)
        (home / "datasets").mkdir()
        (home / "datasets" / named.files[0]).symlink_to(archive.absolute())
        return read_npz(keras.load(named.keras_name, home), f"{archive}, as Keras reads it", ARRAYS)


def _check(named: NamedDataset, sha256: str, place: str) -> None:
    if sha256 != named.sha256:
        raise DatasetError(
            f"{place} is not the data set {named.name!r} or is damaged: expected the SHA-256 {named.sha256}, "
            f"found {sha256}; delete or repair it"
        )


_IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

FASHION = NamedDataset(
    name="fashion",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    keras_name=None,
    files=tuple(f"fashion-mnist/{file}.gz" for file in _IDX_FILES.values()),
    sha256="8294d2ca571ee42977a0b2dbf2f2f22ac6655a869e4497e2cd010da5acf40c92",
    read=read_keras_idx,
)
DIGITS = NamedDataset(
    name="digits",
    class_names=tuple("0123456789"),
    keras_name=None,
    files=("mnist.npz",),
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    read=read_keras_npz,
)
CIFAR10 = NamedDataset(
    name="cifar10",
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    keras_name="cifar10",
    # The name in Keras 3, and the name of the same archive in earlier versions.
    files=("cifar-10-batches-py-target_archive", "cifar-10-batches-py.tar.gz"),
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    read=read_keras_archive,
)
NAMED_DATASETS = {named.name: named for named in (FASHION, DIGITS, CIFAR10)}
