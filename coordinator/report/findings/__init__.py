"""What a report says of an ensemble: certainty, doubts, gains, confusion, curves, pictures, provenance.

It is worked out once here, so that the terminal's table, the files, the figures and the page all say the same.
"""

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
from deepchord.coordinator.report.findings.scales import Scale, Tick

__all__ = [
    "MAX_MEMBERS",
    "MAX_SHEET_CLASSES",
    "MEASURES",
    "RECIPE_FILE",
    "SAMPLES",
    "ConfusionMatrix",
    "CurvePanel",
    "LayerLine",
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
    "deepchord_version",
    "disagreement_of_gains",
    "doubts",
    "film_strip",
    "first_samples",
    "gain_words",
    "has_dark_ground",
    "image_kind",
    "loss_gain",
    "mean_images",
    "network",
    "on_squares",
    "recipe_toml",
    "resumptions",
    "shown_pixels",
    "software",
]
