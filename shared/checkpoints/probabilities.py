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
_UNSEEN, _PREDICTIONS = "unseen", "test_predictions"
#: The arrays of measures of uncertainty begin with one of these, and end in a field of `ImageUncertainty`.
_TEST_PREFIX, _UNSEEN_PREFIX = "test_", "unseen_"
_MEASURES = tuple(field.name for field in fields(ImageUncertainty))


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
    #: The class that each member predicts for each test image, int16 [members, test_size], the members in the order of
    #: their indices; None: there are too many members, or an earlier version did not keep it.
    test_predictions: NDArray[np.int16] | None = None
    #: Of images of kinds that the members were not trained on, float32 [unseen images, classes]; None: there are none.
    unseen: NDArray[np.float32] | None = None
    unseen_uncertainty: ImageUncertainty | None = None


def encode_member_outputs(outputs: NDArray[np.float32]) -> bytes:
    """Return the outputs of one member as an `.npy` file.

    Args:
        outputs: float32 [test_size, outputs]: probabilities, or what tells numbers and their variances.
    """
    return write_npy(outputs)


def decode_member_outputs(data: bytes, source: str) -> NDArray[np.float32]:
    """Return the outputs of a member, float32 [test_size, outputs], from an `.npy` file.

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

    Its arrays are `train` and `test`. If they are known, `calibrated_test`, `test_predictions` and an array for each
    measure of `ImageUncertainty` are added; their names are `test_` and the name of the measure. Unseen images add
    `unseen`, and arrays whose names are `unseen_` and the name of the measure.
    """
    arrays: dict[str, NDArray[np.generic]] = {"train": probabilities.train, "test": probabilities.test}
    if probabilities.calibrated_test is not None:
        arrays[_CALIBRATED] = probabilities.calibrated_test
    if probabilities.test_predictions is not None:
        arrays[_PREDICTIONS] = probabilities.test_predictions
    if probabilities.unseen is not None:
        arrays[_UNSEEN] = probabilities.unseen
    measured = ((_TEST_PREFIX, probabilities.test_uncertainty), (_UNSEEN_PREFIX, probabilities.unseen_uncertainty))
    for prefix, uncertainty in measured:
        if uncertainty is not None:
            arrays |= {f"{prefix}{name}": getattr(uncertainty, name) for name in _MEASURES}
    return write_npz(arrays)


def decode_ensemble_probabilities(data: bytes, source: str) -> EnsembleProbabilities:
    """Return the probabilities of an ensemble from an `.npz` file.

    Args:
        data: The bytes of the `.npz`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such arrays.
    """
    measures = [f"{prefix}{name}" for prefix in (_TEST_PREFIX, _UNSEEN_PREFIX) for name in _MEASURES]
    try:
        arrays = read_npz(io.BytesIO(data), source, ("train", "test"), (_CALIBRATED, _UNSEEN, _PREDICTIONS, *measures))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    test = _checked(arrays["test"], source)
    calibrated = _checked(arrays[_CALIBRATED], source) if _CALIBRATED in arrays else None
    if calibrated is not None and calibrated.shape != test.shape:
        raise CorruptObjectError(f"{source}: calibrated_test has shape {calibrated.shape}, but test {test.shape}.")
    unseen = _checked(arrays[_UNSEEN], source) if _UNSEEN in arrays else None
    return EnsembleProbabilities(
        train=_checked(arrays["train"], source),
        test=test,
        calibrated_test=calibrated,
        test_uncertainty=_uncertainty(arrays, _TEST_PREFIX, len(test), source),
        test_predictions=_predictions(arrays, test, source),
        unseen=unseen,
        unseen_uncertainty=None if unseen is None else _uncertainty(arrays, _UNSEEN_PREFIX, len(unseen), source),
    )


def _predictions(
    arrays: Mapping[str, NDArray[np.generic]], test: NDArray[np.float32], source: str
) -> NDArray[np.int16] | None:
    """Return the classes that the members predict; None if they were not kept."""
    array = arrays.get(_PREDICTIONS)
    if array is None:
        return None
    images, classes = test.shape
    fits = array.ndim == 2 and array.shape[1] == images and array.dtype.newbyteorder("=") == np.int16
    found = array.astype(np.int16, copy=False) if fits else None
    if found is None or len(found) == 0 or found.min() < 0 or found.max() >= classes:
        raise CorruptObjectError(
            f"{source}: expected int16 [members, {images}] below {classes} in {_PREDICTIONS}, found {array.dtype} "
            f"{list(array.shape)}."
        )
    return found


def _uncertainty(
    arrays: Mapping[str, NDArray[np.generic]], prefix: str, images: int, source: str
) -> ImageUncertainty | None:
    """Return the measures whose arrays begin with a prefix; None if there is none of them."""
    measures: dict[str, NDArray[np.float32]] = {}
    if not any(f"{prefix}{name}" in arrays for name in _MEASURES):
        return None
    for name in _MEASURES:
        array = arrays.get(f"{prefix}{name}")
        if array is None or array.shape != (images,) or array.dtype.newbyteorder("=") != np.float32:
            found = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise CorruptObjectError(f"{source}: expected float32 [{images}] in {prefix}{name}, found {found}.")
        measures[name] = array.astype(np.float32, copy=False)
    return ImageUncertainty(**measures)


def _checked(array: NDArray[np.generic], source: str) -> NDArray[np.float32]:
    if array.dtype.newbyteorder("=") != np.float32 or array.ndim != 2:
        raise CorruptObjectError(
            f"{source} are no probabilities: expected float32 [size, classes], found {array.dtype} {list(array.shape)}."
        )
    return array.astype(np.float32, copy=False)
