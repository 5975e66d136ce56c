"""The report of an ensemble that predicts which labels apply; what all reports have in common lies beside it."""

from deepchord.coordinator.report.multilabel.content import MultilabelContent

__all__ = ["MultilabelContent"]
