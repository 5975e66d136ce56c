"""What a report says of predicted numbers: gains, intervals and their coverage, doubts, curves, unusual rows.

It is worked out once here, so that the terminal's table, the files, the figures and the page all say the same.
"""

from deepchord.coordinator.report.regression.findings.coverage import (
    CoverageTable,
    coverage_sentence,
    coverage_tables,
)
from deepchord.coordinator.report.regression.findings.curves import (
    MEASURES,
    ErrorHistogram,
    QuantileCurve,
    SizeCurve,
    error_histogram,
    quantile_curves,
    size_curves,
    size_sentence,
)
from deepchord.coordinator.report.regression.findings.doubts import doubts
from deepchord.coordinator.report.regression.findings.gains import (
    ErrorGain,
    error_gain_sentence,
    error_gains,
    fall_words,
    loss_gain_sentence,
    overall_error,
)
from deepchord.coordinator.report.regression.findings.kept import KeptNumbers, kept_rows, kept_sentence
from deepchord.coordinator.report.regression.findings.scaling import conclusion, guarantee, scaling_source
from deepchord.coordinator.report.regression.findings.spread import Spread, spread_sentence, spreads
from deepchord.coordinator.report.regression.findings.studies import (
    NumberShiftRow,
    shift_curves,
    shift_rows,
    shift_sentence,
    unseen_sentence,
)
from deepchord.coordinator.report.regression.findings.target_rows import (
    LEVEL,
    TargetRows,
    shown_interval,
    shown_of_all,
    target_rows,
)
from deepchord.coordinator.report.regression.findings.units import (
    SCORE_DIGITS,
    in_deviations,
    in_unit,
    score_text,
    unit_digits,
)
from deepchord.coordinator.report.regression.findings.unusual_rows import largest_errors, most_uncertain

__all__ = [
    "LEVEL",
    "MEASURES",
    "SCORE_DIGITS",
    "CoverageTable",
    "ErrorGain",
    "ErrorHistogram",
    "KeptNumbers",
    "NumberShiftRow",
    "QuantileCurve",
    "SizeCurve",
    "Spread",
    "TargetRows",
    "conclusion",
    "coverage_sentence",
    "coverage_tables",
    "doubts",
    "error_gain_sentence",
    "error_gains",
    "error_histogram",
    "fall_words",
    "guarantee",
    "in_deviations",
    "in_unit",
    "kept_rows",
    "kept_sentence",
    "largest_errors",
    "loss_gain_sentence",
    "most_uncertain",
    "overall_error",
    "quantile_curves",
    "scaling_source",
    "score_text",
    "shift_curves",
    "shift_rows",
    "shift_sentence",
    "shown_interval",
    "shown_of_all",
    "size_curves",
    "size_sentence",
    "spread_sentence",
    "spreads",
    "target_rows",
    "unit_digits",
    "unseen_sentence",
]
