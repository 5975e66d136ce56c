"""How far probabilities can be trusted: scores, calibration, measures of uncertainty, prediction sets, abstention.

All of it works on NumPy arrays of probabilities, whatever engine computed them; some fits and intervals use SciPy.
"""

from deepchord.shared.uncertainty.bootstrap import Contributions, estimates
from deepchord.shared.uncertainty.calibrator import Calibrator, calibrator_of, fit_calibrator
from deepchord.shared.uncertainty.class_scores import ClassScores, area_under_roc, class_scores
from deepchord.shared.uncertainty.conformal import (
    ConformalMethod,
    class_thresholds,
    conformal_scores,
    conformal_sets,
    marginal_threshold,
    set_coverage,
)
from deepchord.shared.uncertainty.detection import DetectionScores, detection_scores
from deepchord.shared.uncertainty.measures import ImageUncertainty, RunningUncertainty, entropy, share_of_maximum
from deepchord.shared.uncertainty.scores import (
    BINS,
    SMALLEST_PROBABILITY,
    accuracy,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    score_probabilities,
    width_bins,
)
from deepchord.shared.uncertainty.selective import (
    abstention_threshold,
    area_under_generalized_risk,
    area_under_risk_coverage,
    risk_coverage,
)
from deepchord.shared.uncertainty.temperature import extrapolate_temperature, fit_temperature, with_temperature

__all__ = [
    "BINS",
    "SMALLEST_PROBABILITY",
    "Calibrator",
    "ClassScores",
    "ConformalMethod",
    "Contributions",
    "DetectionScores",
    "ImageUncertainty",
    "RunningUncertainty",
    "abstention_threshold",
    "accuracy",
    "area_under_generalized_risk",
    "area_under_risk_coverage",
    "area_under_roc",
    "calibrator_of",
    "class_scores",
    "class_thresholds",
    "conformal_scores",
    "conformal_sets",
    "detection_scores",
    "entropy",
    "estimates",
    "expected_calibration_error",
    "extrapolate_temperature",
    "fit_calibrator",
    "fit_temperature",
    "marginal_threshold",
    "negative_log_likelihood",
    "reliability_bins",
    "risk_coverage",
    "score_probabilities",
    "set_coverage",
    "share_of_maximum",
    "width_bins",
    "with_temperature",
]
