"""Class probabilities as files in storage: of a member for the test images, and of an ensemble for all images."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.files import read_npy, read_npz, write_npy, write_npz
from deepchord.shared.uncertainty import ImageUncertainty

_CALIBRATED = "calibrated_test"
#: The arrays of measures of uncertainty, by the field of `ImageUncertainty`.
_MEASURES = {field.name: f"test_{field.name}" for field in fields(ImageUncertainty)}


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleProbabilities:
    """The mean probabilities of an ensemble's members."""

    #: float32 [train_size, classes].
    train: NDArray[np.float32]
    #: float32 [test_size, classes].
    test: NDArray[np.float32]
    #: Of the test images, after calibration; None: the ensemble is not calibrated.
    calibrated_test: NDArray[np.float32] | None = None
    #: Of each test image; None: an earlier version did not measure it.
    test_uncertainty: ImageUncertainty | None = None


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
    """Return the probabilities of an ensemble as an `.npz` file.

    Its arrays are `train`, `test`, and if they are known `calibrated_test` and `test_` with the names of the measures
    of `ImageUncertainty`.
    """
    arrays = {"train": probabilities.train, "test": probabilities.test}
    if probabilities.calibrated_test is not None:
        arrays[_CALIBRATED] = probabilities.calibrated_test
    if probabilities.test_uncertainty is not None:
        arrays |= {name: getattr(probabilities.test_uncertainty, field) for field, name in _MEASURES.items()}
    return write_npz(arrays)


def decode_ensemble_probabilities(data: bytes, source: str) -> EnsembleProbabilities:
    """Return the probabilities of an ensemble from an `.npz` file.

    Args:
        data: The bytes of the `.npz`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such arrays.
    """
    try:
        arrays = read_npz(io.BytesIO(data), source, ("train", "test"), (_CALIBRATED, *_MEASURES.values()))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    test = _checked(arrays["test"], source)
    calibrated = _checked(arrays[_CALIBRATED], source) if _CALIBRATED in arrays else None
    if calibrated is not None and calibrated.shape != test.shape:
        raise CorruptObjectError(f"{source}: calibrated_test has shape {calibrated.shape}, but test {test.shape}.")
    measures = {field: arrays[name] for field, name in _MEASURES.items() if name in arrays}
    return EnsembleProbabilities(
        train=_checked(arrays["train"], source),
        test=test,
        calibrated_test=calibrated,
        test_uncertainty=_uncertainty(measures, len(test), source) if measures else None,
    )


def _uncertainty(measures: Mapping[str, NDArray[np.generic]], images: int, source: str) -> ImageUncertainty:
    for field, name in _MEASURES.items():
        array = measures.get(field)
        if array is None or array.shape != (images,) or array.dtype.newbyteorder("=") != np.float32:
            found = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise CorruptObjectError(f"{source}: expected float32 [{images}] in {name}, found {found}.")
    return ImageUncertainty(**{field: array.astype(np.float32, copy=False) for field, array in measures.items()})


def _checked(array: NDArray[np.generic], source: str) -> NDArray[np.float32]:
    if array.dtype.newbyteorder("=") != np.float32 or array.ndim != 2:
        raise CorruptObjectError(
            f"{source} are no probabilities: expected float32 [size, classes], found {array.dtype} {list(array.shape)}."
        )
    return array.astype(np.float32, copy=False)
