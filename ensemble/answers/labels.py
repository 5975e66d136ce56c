"""What follows from the probabilities that each member gives the labels."""

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers.question import Question
from deepchord.ensemble.graph import MEMBER_PROBABILITIES
from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.multilabel import LEAST_APPLYING, RunningLabels, with_label_temperature


class LabelAnswers:
    """Turns the members' probabilities into predictions of labels."""

    #: The output of the graph that is read.
    output = MEMBER_PROBABILITIES

    def __init__(self, description: EnsembleDescription) -> None:
        """Take the ensemble's labels and its temperature."""
        found = description.multilabel
        self._label_names = description.dataset.label_names
        self._temperature = found.calibration.temperature if found is not None and found.calibration else None

    def read(self, of_members: NDArray[np.float32], question: Question) -> MultilabelPrediction:
        """Return what the ensemble says of rows, from the probabilities [rows, members, labels]."""
        running = RunningLabels(len(of_members), len(self._label_names))
        for member in range(of_members.shape[1]):
            running.add(of_members[:, member])
        mean, uncertainty = running.mean(), running.result()
        return MultilabelPrediction(
            probabilities=mean if self._temperature is None else with_label_temperature(mean, self._temperature),
            applies=mean > LEAST_APPLYING,
            predictive_entropy=uncertainty.predictive_entropy,
            expected_entropy=uncertainty.expected_entropy,
            mutual_information=uncertainty.mutual_information,
            members=of_members.transpose(1, 0, 2) if question.members else None,
            label_names=self._label_names,
        )
