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
from deepchord.shared.messages.recipe import Precision, Recipe, Splits
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
from deepchord.shared.messages.uncertainty import (
    Abstention,
    Calibration,
    CalibrationSource,
    ConformalSets,
    EnsembleUncertainty,
    Estimate,
    MemberScores,
    ProbabilityScores,
    ReliabilityBin,
    SelectivePrediction,
    SizedEnsemble,
)

__all__ = [
    "MAX_MEMBERS",
    "Abstention",
    "AttemptFailure",
    "AttemptNote",
    "Calibration",
    "CalibrationSource",
    "Cancellation",
    "ConformalSets",
    "DatasetInfo",
    "EnsembleEvaluation",
    "EnsembleUncertainty",
    "EpochMetrics",
    "Estimate",
    "FailedMember",
    "MemberEvaluation",
    "MemberProgress",
    "MemberRecord",
    "MemberScores",
    "MemberSeeds",
    "MemberSpec",
    "Misclassified",
    "Precision",
    "ProbabilityScores",
    "Recipe",
    "ReliabilityBin",
    "Requirement",
    "RunFailure",
    "RunSpec",
    "Scores",
    "Seed",
    "SelectivePrediction",
    "SizedEnsemble",
    "Splits",
    "TrainedMember",
    "Trainer",
    "TrainingPart",
    "is_run_id",
]
