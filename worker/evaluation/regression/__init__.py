"""Evaluates ensembles that predict numbers: mixtures of the members' predictions, variances and intervals, scores."""

from deepchord.worker.evaluation.regression.evaluation import EvaluatedRegression, evaluate_regression

__all__ = ["EvaluatedRegression", "evaluate_regression"]
