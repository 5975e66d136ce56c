"""What the members of a distilled run learn: the calibrated probabilities of another run's ensemble, and the labels."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import decode_ensemble_probabilities
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.messages import Distillation, EnsembleEvaluation
from deepchord.shared.storage import RunStore
from deepchord.shared.uncertainty import calibrator_of, with_temperature


def taught_targets(store: RunStore, distillation: Distillation, dataset: Dataset) -> NDArray[np.float32]:
    """Return what a distilled network is to say of each training image, float32 [train_size, classes].

    Each member of the ensemble has trained on most of these images, which the calibration does not know: of them the
    ensemble is more certain than of new ones.

    Args:
        store: Where the teacher's evaluation is.
        distillation: Which ensemble, and how its probabilities are mixed with the labels.
        dataset: The data set of both runs.

    Raises:
        RunNotFoundError: The teacher is gone.
        CorruptObjectError: Its evaluation is gone.
    """
    teacher = store.version(distillation.teacher, distillation.extension)
    evaluation = store.evaluation(teacher).result()
    if not isinstance(evaluation, EnsembleEvaluation):
        raise CorruptObjectError(
            f"Run {teacher.run_id} in {store.objects.url} has no evaluation any more, which members are to learn from: "
            "restore its folder from a copy."
        )
    data = store.evaluation(teacher).probabilities(evaluation.probabilities_sha256)
    given = decode_ensemble_probabilities(data, f"Probabilities of run {teacher.run_id}").train
    calibration = None if evaluation.uncertainty is None else evaluation.uncertainty.calibration
    if calibration is not None:
        given = calibrator_of(calibration)(given)
    softened = with_temperature(given, distillation.temperature)
    labels = np.eye(softened.shape[1], dtype=np.float32)[dataset.y_train]
    share = np.float32(distillation.share)
    mixed: NDArray[np.float32] = share * softened + (np.float32(1) - share) * labels
    return mixed
