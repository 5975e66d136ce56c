"""What the members of a distilled run learn: what another run's ensemble says, calibrated, and the labels."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import decode_ensemble_predictions, decode_ensemble_probabilities
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.messages import Distillation, EnsembleEvaluation, RegressionEvaluation
from deepchord.shared.regression import Predictions, standardised
from deepchord.shared.storage import RunStore
from deepchord.shared.uncertainty import calibrator_of, with_temperature


def taught_targets(store: RunStore, distillation: Distillation, dataset: Dataset) -> NDArray[np.float32]:
    """Return what a distilled network is to say of each training image: see `taught_classes` and `taught_numbers`.

    Each member of the ensemble has trained on most of these images, which the calibration does not know: of them the
    ensemble is more certain than of new ones.

    Args:
        store: Where the teacher's evaluation is.
        distillation: Which ensemble, and how what it says is mixed with the labels.
        dataset: The data set of both runs.

    Raises:
        RunNotFoundError: The teacher is gone.
        CorruptObjectError: Its evaluation is gone.
    """
    teacher = store.version(distillation.teacher, distillation.extension)
    stored = store.evaluation(teacher)
    evaluation = stored.result()
    if evaluation is None:
        raise CorruptObjectError(
            f"Run {teacher.run_id} in {store.objects.url} has no evaluation any more, which members are to learn from: "
            "restore its folder from a copy."
        )
    if isinstance(evaluation, RegressionEvaluation):
        data = stored.predictions(evaluation.predictions_sha256)
        said = decode_ensemble_predictions(data, f"Predictions of run {teacher.run_id}").train
        scaled = said if evaluation.scaling is None else said.scaled(evaluation.scaling.factors)
        return taught_numbers(scaled, distillation, dataset)
    assert isinstance(evaluation, EnsembleEvaluation), "runs of labels are not distilled"  # noqa: S101  they are refused
    data = stored.probabilities(evaluation.probabilities_sha256)
    given = decode_ensemble_probabilities(data, f"Probabilities of run {teacher.run_id}").train
    calibration = None if evaluation.uncertainty is None else evaluation.uncertainty.calibration
    return taught_classes(
        given if calibration is None else calibrator_of(calibration)(given), distillation, dataset.y_train
    )


def taught_classes(
    given: NDArray[np.float32], distillation: Distillation, labels: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return probabilities to learn, float32 [train_size, classes]; see `Distillation`.

    Args:
        given: The ensemble's calibrated probabilities, [train_size, classes].
        distillation: How they are mixed with the labels.
        labels: Class indices, [train_size].
    """
    softened = with_temperature(given, distillation.temperature)
    wanted = np.eye(softened.shape[1], dtype=np.float32)[labels]
    share = np.float32(distillation.share)
    mixed: NDArray[np.float32] = share * softened + (np.float32(1) - share) * wanted
    return mixed


def taught_numbers(said: Predictions, distillation: Distillation, dataset: Dataset) -> NDArray[np.float32]:
    """Return means and variances to learn of the standardised numbers, float32 [train_size, 2 targets].

    They are those of the mixture of the ensemble's normal distribution and the actual number; see `Distillation`.

    Args:
        said: What the ensemble predicts of the training rows, with the scaled variance, in the targets' own units.
        distillation: How that is mixed with the actual numbers.
        dataset: Has the actual numbers, and how they are standardised.
    """
    share, scales = distillation.share, np.array([target.scale for target in dataset.targets])
    means, actual = (standardised(each, dataset.targets) for each in (said.mean, dataset.y_train))
    variances = distillation.temperature * said.variance / scales**2
    mixed = share * variances + share * (1 - share) * (means - actual) ** 2
    return np.concatenate([share * means + (1 - share) * actual, mixed], axis=1, dtype=np.float32)
