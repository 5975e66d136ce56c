"""What a report has to say, apart from its form: certainty, doubts, gains, confusion, curves, pictures, provenance."""

from deepchord.coordinator.report.findings.certainty import accuracy_interval, certainty
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
    kind_of,
    mean_images,
    on_squares,
    shown_pixels,
)
from deepchord.coordinator.report.findings.provenance import RECIPE_FILE, recipe_toml
from deepchord.coordinator.report.findings.scales import Scale, Tick

__all__ = [
    "MAX_MEMBERS",
    "MAX_SHEET_CLASSES",
    "MEASURES",
    "RECIPE_FILE",
    "SAMPLES",
    "ConfusionMatrix",
    "CurvePanel",
    "Measure",
    "Pixels",
    "Scale",
    "Tick",
    "accuracy_gains",
    "accuracy_interval",
    "certainty",
    "confusion_matrix",
    "confusion_pixels",
    "confusion_strengths",
    "curve_panels",
    "data_uri",
    "disagreement_of_gains",
    "doubts",
    "film_strip",
    "first_samples",
    "gain_words",
    "has_dark_ground",
    "kind_of",
    "loss_gain",
    "mean_images",
    "on_squares",
    "recipe_toml",
    "shown_pixels",
]
