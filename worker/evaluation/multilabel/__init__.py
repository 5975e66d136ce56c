"""Evaluates ensembles that predict labels: the mean of the members' probabilities, one temperature, scores."""

from deepchord.worker.evaluation.multilabel.evaluation import EvaluatedMultilabel, evaluate_multilabel

__all__ = ["EvaluatedMultilabel", "evaluate_multilabel"]
