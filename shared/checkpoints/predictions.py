"""The numbers that an ensemble predicts, as a file in storage."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.regression import Predictions

_PARTS = ("train", "test")
_UNSEEN = "unseen"
_NAMES = tuple(field.name for field in fields(Predictions))


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsemblePredictions:
    """What an ensemble predicts, in the targets' own units; its variances are as they are, without any scaling."""

    train: Predictions
    test: Predictions
    #: Of images or rows unlike those that the members were trained on; None: there are none.
    unseen: Predictions | None = None


def encode_ensemble_predictions(predictions: EnsemblePredictions) -> bytes:
    """Return the predictions as an `.npz`.

    Its arrays, float64 [size, targets], are `train_mean`, `train_aleatoric_variance`, `train_epistemic_variance`, the
    same with `test_`, and, if there are some, with `unseen_`.
    """
    parts = (*_PARTS, _UNSEEN) if predictions.unseen is not None else _PARTS
    arrays: dict[str, NDArray[np.generic]] = {
        name: getattr(getattr(predictions, part), field) for part in parts for name, field in _names_of(part).items()
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
    wanted = tuple(name for part in _PARTS for name in _names_of(part))
    try:
        arrays = read_npz(io.BytesIO(data), source, wanted, tuple(_names_of(_UNSEEN)))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    train, test = (_part(arrays, part, source) for part in _PARTS)
    has_unseen = any(name in arrays for name in _names_of(_UNSEEN))
    return EnsemblePredictions(train=train, test=test, unseen=_part(arrays, _UNSEEN, source) if has_unseen else None)


def _names_of(part: str) -> dict[str, str]:
    """Return the names of the arrays of a part, with the field that each holds."""
    return {f"{part}_{field}": field for field in _NAMES}


def _part(arrays: Mapping[str, NDArray[np.generic]], part: str, source: str) -> Predictions:
    mean = arrays.get(f"{part}_mean")
    found: dict[str, NDArray[np.float64]] = {}
    for name, field in _names_of(part).items():
        array = arrays.get(name)
        fits = array is not None and array.ndim == 2 and mean is not None and array.shape == mean.shape
        if array is None or not fits or array.dtype.newbyteorder("=") != np.float64:
            told = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise CorruptObjectError(
                f"{source} are no predictions: expected float64 [size, targets] in {name}, found {told}."
            )
        found[field] = array.astype(np.float64, copy=False)
    return Predictions(**found)
