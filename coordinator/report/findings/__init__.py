"""What a report says of an ensemble: certainty, doubts, gains, trust, confusion, curves, pictures, provenance.

It is worked out once here, so that the terminal's table, the files, the figures and the page all say the same.
"""

from deepchord.coordinator.report.findings.abstention import (
    abstention_line,
    abstention_sentence,
    abstention_source,
    percent_of_risk,
)
from deepchord.coordinator.report.findings.certainty import accuracy_interval, certainty
from deepchord.coordinator.report.findings.conformal_sets import ConformalTable, conformal_sentence, conformal_table
from deepchord.coordinator.report.findings.confusion import (
    ConfusionMatrix,
    confusion_matrix,
    confusion_pixels,
    confusion_strengths,
)
from deepchord.coordinator.report.findings.curves import MAX_MEMBERS, MEASURES, CurvePanel, Measure, curve_panels
from deepchord.coordinator.report.findings.doubts import doubts
from deepchord.coordinator.report.findings.gains import accuracy_gains, disagreement_of_gains, gain_words, loss_gain
from deepchord.coordinator.report.findings.pictures import (
    MAX_SHEET_CLASSES,
    SAMPLES,
    Pixels,
    data_uri,
    film_strip,
    first_samples,
    has_dark_ground,
    image_kind,
    mean_images,
    on_squares,
    shown_pixels,
)
from deepchord.coordinator.report.findings.provenance import (
    RECIPE_FILE,
    LayerLine,
    deepchord_version,
    network,
    recipe_toml,
    resumptions,
    software,
)
from deepchord.coordinator.report.findings.scales import Plane, Scale, Tick
from deepchord.coordinator.report.findings.trust import (
    calibration_gain,
    calibration_source,
    error_with_interval,
    trust_conclusion,
)
from deepchord.coordinator.report.findings.trust_charts import (
    EntropyCounts,
    Reliability,
    ReliabilityPoint,
    RiskCurve,
    RiskPoint,
    entropy_counts,
    is_right,
    reliability,
    risk_curve,
)

__all__ = [
    "MAX_MEMBERS",
    "MAX_SHEET_CLASSES",
    "MEASURES",
    "RECIPE_FILE",
    "SAMPLES",
    "ConformalTable",
    "ConfusionMatrix",
    "CurvePanel",
    "EntropyCounts",
    "LayerLine",
    "Measure",
    "Pixels",
    "Plane",
    "Reliability",
    "ReliabilityPoint",
    "RiskCurve",
    "RiskPoint",
    "Scale",
    "Tick",
    "abstention_line",
    "abstention_sentence",
    "abstention_source",
    "accuracy_gains",
    "accuracy_interval",
    "calibration_gain",
    "calibration_source",
    "certainty",
    "conformal_sentence",
    "conformal_table",
    "confusion_matrix",
    "confusion_pixels",
    "confusion_strengths",
    "curve_panels",
    "data_uri",
    "deepchord_version",
    "disagreement_of_gains",
    "doubts",
    "entropy_counts",
    "error_with_interval",
    "film_strip",
    "first_samples",
    "gain_words",
    "has_dark_ground",
    "image_kind",
    "is_right",
    "loss_gain",
    "mean_images",
    "network",
    "on_squares",
    "percent_of_risk",
    "recipe_toml",
    "reliability",
    "resumptions",
    "risk_curve",
    "shown_pixels",
    "software",
    "trust_conclusion",
]
