"""What a report says of labels: each label's scores, gains, trust, doubts, curves, rows worth a look.

It is worked out once here, so that the terminal's table, the files, the figures and the page all say the same.
"""

from deepchord.coordinator.report.multilabel.findings.curves import (
    MEASURES,
    ReliabilityCurve,
    SizeCurve,
    reliability_curves,
    size_curves,
    size_sentence,
)
from deepchord.coordinator.report.multilabel.findings.doubts import doubts
from deepchord.coordinator.report.multilabel.findings.gains import gain_sentence, loss_sentence
from deepchord.coordinator.report.multilabel.findings.label_lines import LabelLine, label_lines
from deepchord.coordinator.report.multilabel.findings.rows import most_surprising, most_uncertain
from deepchord.coordinator.report.multilabel.findings.trust import calibration_sentence, conclusion, spread_sentence

__all__ = [
    "MEASURES",
    "LabelLine",
    "ReliabilityCurve",
    "SizeCurve",
    "calibration_sentence",
    "conclusion",
    "doubts",
    "gain_sentence",
    "label_lines",
    "loss_sentence",
    "most_surprising",
    "most_uncertain",
    "reliability_curves",
    "size_curves",
    "size_sentence",
    "spread_sentence",
]
