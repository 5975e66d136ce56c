"""Evaluates an ensemble: members' weights from storage or files, their probabilities, and what is measured of them."""

from deepchord.worker.evaluation.ensemble import Candidate, evaluate, run_candidates
from deepchord.worker.evaluation.metrics import score
from deepchord.worker.evaluation.prediction import predict
from deepchord.worker.evaluation.weight_files import names_of
from deepchord.worker.evaluation.weight_members import (
    check_images,
    command_of,
    find_groups,
    notes_of,
    read_members,
    weight_candidates,
)

__all__ = [
    "Candidate",
    "check_images",
    "command_of",
    "evaluate",
    "find_groups",
    "names_of",
    "notes_of",
    "predict",
    "read_members",
    "run_candidates",
    "score",
    "weight_candidates",
]
