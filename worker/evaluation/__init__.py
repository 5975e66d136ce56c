"""Evaluates an ensemble: reads members' weights from storage or files, predicts, averages, and scores the result."""

from deepchord.worker.evaluation.candidates import Candidate, Evaluator, Predict
from deepchord.worker.evaluation.ensemble import evaluate_members
from deepchord.worker.evaluation.metrics import RunningMean, score
from deepchord.worker.evaluation.multilabel import evaluate_multilabel
from deepchord.worker.evaluation.prediction import chunks, predict
from deepchord.worker.evaluation.regression import evaluate_regression
from deepchord.worker.evaluation.run_members import run_candidates, trained_members
from deepchord.worker.evaluation.weight_files import name_members
from deepchord.worker.evaluation.weight_members import (
    check_images,
    find_groups,
    read_members,
    weight_candidates,
    weight_notes,
)

__all__ = [
    "Candidate",
    "Evaluator",
    "Predict",
    "RunningMean",
    "check_images",
    "chunks",
    "evaluate_members",
    "evaluate_multilabel",
    "evaluate_regression",
    "find_groups",
    "name_members",
    "predict",
    "read_members",
    "run_candidates",
    "score",
    "trained_members",
    "weight_candidates",
    "weight_notes",
]
