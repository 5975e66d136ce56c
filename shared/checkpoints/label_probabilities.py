"""The probabilities of labels that an ensemble predicts, as a file in storage."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.multilabel import LabelUncertainty

_CALIBRATED = "calibrated_test"
_MEASURES = ("predictive_entropy", "expected_entropy")


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleLabels:
    """The mean probabilities of an ensemble's members, for each label; all arrays are float32 [size, labels]."""

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    #: After calibration; None: the ensemble is not calibrated.
    calibrated_test: NDArray[np.float32] | None = None
    #: Of the test rows, from the members' probabilities as they are.
    test_uncertainty: LabelUncertainty

    @property
    def best_test(self) -> NDArray[np.float32]:
        """The calibrated probabilities of the test rows; without a calibration those as they are."""
        return self.test if self.calibrated_test is None else self.calibrated_test


def encode_ensemble_labels(labels: EnsembleLabels) -> bytes:
    """Return the probabilities as an `.npz`.

    Its arrays are `train`, `test`, `test_predictive_entropy`, `test_expected_entropy`, and perhaps `calibrated_test`.
    """
    arrays: dict[str, NDArray[np.generic]] = {"train": labels.train, "test": labels.test}
    if labels.calibrated_test is not None:
        arrays[_CALIBRATED] = labels.calibrated_test
    return write_npz(arrays | {f"test_{name}": getattr(labels.test_uncertainty, name) for name in _MEASURES})


def decode_ensemble_labels(data: bytes, source: str) -> EnsembleLabels:
    """Return the probabilities of labels from an `.npz`.

    Args:
        data: The bytes of the `.npz`.
        source: Where the bytes came from, for the error.

    Raises:
        CorruptObjectError: The bytes are not such arrays.
    """
    of_test = tuple(f"test_{name}" for name in _MEASURES)
    try:
        arrays = read_npz(io.BytesIO(data), source, ("train", "test", *of_test), (_CALIBRATED,))
    except DatasetError as error:
        raise CorruptObjectError(str(error)) from error
    for name, array in arrays.items():
        like = arrays["train" if name == "train" else "test"]
        if array.dtype.newbyteorder("=") != np.float32 or array.ndim != 2 or array.shape != like.shape:
            raise CorruptObjectError(
                f"{source} are no probabilities: expected float32 [size, labels] in {name}, found {array.dtype} "
                f"{list(array.shape)}."
            )
    found = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    return EnsembleLabels(
        train=found["train"],
        test=found["test"],
        calibrated_test=found.get(_CALIBRATED),
        test_uncertainty=LabelUncertainty(**{name: found[f"test_{name}"] for name in _MEASURES}),
    )
