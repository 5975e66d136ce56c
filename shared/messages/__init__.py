"""The messages of the broker and of storage: runs, members, their progress, the evaluation, and the end of a run.

Each is a frozen, validated type.
"""

from deepchord.shared.messages.evaluation import EnsembleEvaluation, MemberEvaluation, Misclassified, Scores
from deepchord.shared.messages.member import (
    AttemptFailure,
    AttemptNote,
    EpochMetrics,
    FailedMember,
    MemberRecord,
    TrainedMember,
    Trainer,
    TrainingPart,
)
from deepchord.shared.messages.progress import MemberProgress
from deepchord.shared.messages.recipe import Precision, Recipe
from deepchord.shared.messages.run import (
    MAX_MEMBERS,
    DatasetInfo,
    MemberSeeds,
    MemberSpec,
    Requirement,
    RunSpec,
    Seed,
    is_run_id,
)
from deepchord.shared.messages.run_end import Cancellation, RunFailure

__all__ = [
    "MAX_MEMBERS",
    "AttemptFailure",
    "AttemptNote",
    "Cancellation",
    "DatasetInfo",
    "EnsembleEvaluation",
    "EpochMetrics",
    "FailedMember",
    "MemberEvaluation",
    "MemberProgress",
    "MemberRecord",
    "MemberSeeds",
    "MemberSpec",
    "Misclassified",
    "Precision",
    "Recipe",
    "Requirement",
    "RunFailure",
    "RunSpec",
    "Scores",
    "Seed",
    "TrainedMember",
    "Trainer",
    "TrainingPart",
    "is_run_id",
]
