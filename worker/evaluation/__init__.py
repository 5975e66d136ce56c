"""Evaluates an ensemble: reads members' weights from storage or files, predicts, averages, and scores the result."""

from deepchord.worker.evaluation.ensemble import Candidate, Evaluator, evaluate_members, run_candidates
from deepchord.worker.evaluation.metrics import score
from deepchord.worker.evaluation.prediction import chunks, predict
from deepchord.worker.evaluation.weight_files import name_members
from deepchord.worker.evaluation.weight_members import (
    check_images,
    evaluate_command,
    find_groups,
    read_members,
    weight_candidates,
    weight_notes,
)

__all__ = [
    "Candidate",
    "Evaluator",
    "check_images",
    "chunks",
    "evaluate_command",
    "evaluate_members",
    "find_groups",
    "name_members",
    "predict",
    "read_members",
    "run_candidates",
    "score",
    "weight_candidates",
    "weight_notes",
]
