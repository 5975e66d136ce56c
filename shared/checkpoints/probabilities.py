"""Class probabilities as files in storage: of a member for the test images, and of an ensemble for all images."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.files import read_npy, read_npz, write_npy, write_npz


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleProbabilities:
    """The mean probabilities of an ensemble's members."""

    #: float32 [train_size, classes].
    train: NDArray[np.float32]
    #: float32 [test_size, classes].
    test: NDArray[np.float32]


def encode_member_probabilities(probabilities: NDArray[np.float32]) -> bytes:
    """Return the probabilities of one member as an `.npy` file.

    Args:
        probabilities: float32 [test_size, classes].
    """
    return write_npy(probabilities)


def decode_member_probabilities(data: bytes, source: str) -> NDArray[np.float32]:
    """Return the probabilities of a member, float32 [test_size, classes], from an `.npy` file.

    Args:
        data: The bytes of the `.npy`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such an array.
    """
    try:
        return _checked(read_npy(data, source), source)
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error


def encode_ensemble_probabilities(probabilities: EnsembleProbabilities) -> bytes:
    """Return the probabilities of an ensemble as an `.npz` file with `train` and `test`."""
    return write_npz({"train": probabilities.train, "test": probabilities.test})


def decode_ensemble_probabilities(data: bytes, source: str) -> EnsembleProbabilities:
    """Return the probabilities of an ensemble from an `.npz` file.

    Args:
        data: The bytes of the `.npz`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such arrays.
    """
    try:
        arrays = read_npz(io.BytesIO(data), source, ("train", "test"))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    return EnsembleProbabilities(train=_checked(arrays["train"], source), test=_checked(arrays["test"], source))


def _checked(array: NDArray[np.generic], source: str) -> NDArray[np.float32]:
    if array.dtype.newbyteorder("=") != np.float32 or array.ndim != 2:
        raise CorruptObjectError(
            f"{source} are no probabilities: expected float32 [size, classes], found {array.dtype} {list(array.shape)}."
        )
    return array.astype(np.float32, copy=False)
