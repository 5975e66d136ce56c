"""Data sets whose images or rows have several labels, each of which applies or does not."""

from deepchord.shared.datasets.multilabel.checks import (
    LABEL_NAMES,
    checked_flags,
    checked_label_names,
    names_of_columns,
)

__all__ = ["LABEL_NAMES", "checked_flags", "checked_label_names", "names_of_columns"]
