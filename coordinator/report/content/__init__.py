"""What a report is made of, and how its numbers and names are written. All other parts of the report build on it."""

from deepchord.coordinator.report.content.content import ReportContent, TeacherResults
from deepchord.coordinator.report.content.ensemble_content import EnsembleContent
from deepchord.coordinator.report.content.formats import (
    ACCURACY_DIGITS,
    LOSS_DIGITS,
    SECONDS_DIGITS,
    count,
    duration,
    failure_of,
    percent,
    percent_range,
    points,
)
from deepchord.coordinator.report.content.names import elided, isolated, member_list, short_names, shortened

__all__ = [
    "ACCURACY_DIGITS",
    "LOSS_DIGITS",
    "SECONDS_DIGITS",
    "EnsembleContent",
    "ReportContent",
    "TeacherResults",
    "count",
    "duration",
    "elided",
    "failure_of",
    "isolated",
    "member_list",
    "percent",
    "percent_range",
    "points",
    "short_names",
    "shortened",
]
