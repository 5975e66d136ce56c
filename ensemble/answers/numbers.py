"""What follows from the means and variances of each member."""

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers.question import Question
from deepchord.ensemble.graph import MEMBER_OUTPUTS
from deepchord.ensemble.half_widths import HalfWidths
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.regression import RunningMixture


class NumberAnswers:
    """Turns the outputs of the members into predictions of numbers."""

    #: The output of the graph that is read.
    output = MEMBER_OUTPUTS

    def __init__(self, description: EnsembleDescription) -> None:
        """Take the ensemble's targets, scaling and intervals."""
        self._targets = description.dataset.targets
        self._half_widths = HalfWidths.of(description)

    def read(self, of_members: NDArray[np.float32], question: Question) -> RegressionPrediction:
        """Return what the ensemble says of rows, from the outputs [rows, members, 2 targets]."""
        targets = self._targets
        mixture = RunningMixture(len(of_members), len(targets))
        for member in range(of_members.shape[1]):
            mixture.add(of_members[:, member])
        predictions = mixture.result().in_units(targets)
        if self._half_widths.factors is not None:
            predictions = predictions.scaled(self._half_widths.factors)
        return RegressionPrediction(
            mean=predictions.mean,
            standard_deviation=predictions.standard_deviation,
            aleatoric_standard_deviation=np.sqrt(predictions.aleatoric_variance),
            epistemic_standard_deviation=np.sqrt(predictions.epistemic_variance),
            members=self._means(of_members) if question.members else None,
            target_names=tuple(target.name for target in targets),
            half_widths=self._half_widths,
        )

    def _means(self, of_members: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of each member in the targets' units, [members, rows, targets]."""
        means, scales = (np.array([getattr(target, name) for target in self._targets]) for name in ("mean", "scale"))
        standardised = of_members[:, :, : len(self._targets)].transpose(1, 0, 2).astype(np.float64)
        return np.asarray(standardised * scales + means)
