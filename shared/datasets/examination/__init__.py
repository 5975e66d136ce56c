"""Looks at a data set before anything is trained on it: what it holds, and what could mislead."""

from deepchord.shared.datasets.examination.columns import LEFT_OUT, ColumnOutline
from deepchord.shared.datasets.examination.copy_findings import OVERLAP
from deepchord.shared.datasets.examination.examination import (
    ClassCount,
    Examination,
    PartOutline,
    TargetOutline,
    all_findings,
    examine,
    overlap_findings,
)
from deepchord.shared.datasets.examination.fingerprints import fingerprints
from deepchord.shared.datasets.examination.values import value_findings
from deepchord.shared.datasets.examination.warning import warn_of

__all__ = [
    "LEFT_OUT",
    "OVERLAP",
    "ClassCount",
    "ColumnOutline",
    "Examination",
    "PartOutline",
    "TargetOutline",
    "all_findings",
    "examine",
    "fingerprints",
    "overlap_findings",
    "value_findings",
    "warn_of",
]
