"""What follows from the probabilities of each member."""

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers.question import Question
from deepchord.ensemble.graph import MEMBER_PROBABILITIES
from deepchord.ensemble.prediction import Prediction
from deepchord.shared.messages import ConformalSets, EnsembleDescription
from deepchord.shared.uncertainty import (
    RunningUncertainty,
    calibrator_of,
    conformal_scores,
    conformal_sets,
    with_temperature,
)


class ClassAnswers:
    """Turns the members' probabilities into predictions of classes."""

    #: The output of the graph that is read.
    output = MEMBER_PROBABILITIES

    def __init__(self, description: EnsembleDescription) -> None:
        """Take the ensemble's calibration."""
        self._class_names = description.dataset.class_names
        self._temperature = description.calibration.temperature if description.calibration else 1.0
        self._calibrator = calibrator_of(description.calibration) if description.calibration else None

    def read(self, of_members: NDArray[np.float32], question: Question) -> Prediction:
        """Return what the ensemble says of images, from the probabilities [images, members, classes]."""
        running = RunningUncertainty(len(of_members), len(self._class_names))
        for member in range(of_members.shape[1]):
            running.add(of_members[:, member])
        mean, uncertainty = running.mean(), running.result()
        probabilities = self._calibrator(mean) if self._calibrator else mean
        confidence = probabilities.max(axis=1)
        return Prediction(
            probabilities=probabilities,
            labels=mean.argmax(axis=1).astype(np.int64),
            confidence=confidence,
            predictive_entropy=uncertainty.predictive_entropy,
            mutual_information=uncertainty.mutual_information,
            disagreement=uncertainty.disagreement,
            abstains=None if question.threshold is None else confidence < question.threshold,
            sets=None if question.sets is None else self._in_sets(mean, question.sets),
            members=of_members.transpose(1, 0, 2) if question.members else None,
            class_names=self._class_names,
        )

    def _in_sets(self, mean: NDArray[np.float32], sets: ConformalSets) -> NDArray[np.bool_]:
        # The thresholds were chosen for probabilities with the temperature alone.
        scores = conformal_scores(with_temperature(mean, self._temperature), sets.method)
        return conformal_sets(scores, sets.thresholds)
