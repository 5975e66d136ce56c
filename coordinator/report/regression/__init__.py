"""The report of an ensemble that predicts numbers; what all reports have in common lies in the rooms beside it."""

from deepchord.coordinator.report.regression.content import NumberTeacher, RegressionContent

__all__ = ["NumberTeacher", "RegressionContent"]
