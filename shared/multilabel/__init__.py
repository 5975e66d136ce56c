"""Which of several labels apply, and how far their probabilities can be trusted: scores, temperature, entropies."""

from deepchord.shared.multilabel.calibration import fit_label_temperature, label_bins, with_label_temperature
from deepchord.shared.multilabel.measures import LabelUncertainty, RunningLabels, binary_entropy
from deepchord.shared.multilabel.probabilities import probabilities_of
from deepchord.shared.multilabel.scores import (
    LEAST_APPLYING,
    label_losses,
    label_negative_log_likelihood,
    label_results,
    score_labels,
)

__all__ = [
    "LEAST_APPLYING",
    "LabelUncertainty",
    "RunningLabels",
    "binary_entropy",
    "fit_label_temperature",
    "label_bins",
    "label_losses",
    "label_negative_log_likelihood",
    "label_results",
    "probabilities_of",
    "score_labels",
    "with_label_temperature",
]
