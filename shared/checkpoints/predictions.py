"""The numbers that an ensemble predicts, as a file in storage."""

import io
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.regression import Predictions

_PARTS = ("train", "test")
_NAMES = tuple(field.name for field in fields(Predictions))


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsemblePredictions:
    """What an ensemble predicts, in the targets' own units; its variances are as they are, without any scaling."""

    train: Predictions
    test: Predictions


def encode_ensemble_predictions(predictions: EnsemblePredictions) -> bytes:
    """Return the predictions as an `.npz`.

    Its arrays, float64 [size, targets], are `train_mean`, `train_aleatoric_variance`, `train_epistemic_variance`, and
    the same with `test_`.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        f"{part}_{name}": getattr(getattr(predictions, part), name) for part in _PARTS for name in _NAMES
    }
    return write_npz(arrays)


def decode_ensemble_predictions(data: bytes, source: str) -> EnsemblePredictions:
    """Return the predictions of an ensemble from an `.npz`.

    Args:
        data: The bytes of the `.npz`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such arrays.
    """
    try:
        arrays = read_npz(io.BytesIO(data), source, tuple(f"{part}_{name}" for part in _PARTS for name in _NAMES))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    shapes = {part: arrays[f"{part}_mean"].shape for part in _PARTS}
    for name, array in arrays.items():
        shape = shapes[name.partition("_")[0]]
        if array.dtype.newbyteorder("=") != np.float64 or array.ndim != 2 or array.shape != shape:
            raise CorruptObjectError(
                f"{source} are no predictions: expected float64 [size, targets] in {name}, found {array.dtype} "
                f"{list(array.shape)}."
            )
    train, test = (
        Predictions(**{name: arrays[f"{part}_{name}"].astype(np.float64, copy=False) for name in _NAMES})
        for part in _PARTS
    )
    return EnsemblePredictions(train=train, test=test)
