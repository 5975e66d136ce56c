"""Looks at an ensemble once more: on images of unseen kinds, on shifted test images, on another data set or engine.

Nothing here decides anything about the ensemble: temperature and thresholds are those of its evaluation.
"""

from deepchord.worker.studies.conditions import Conditions
from deepchord.worker.studies.names import check_name
from deepchord.worker.studies.regression import StudiedRegression
from deepchord.worker.studies.remote import study_on_worker
from deepchord.worker.studies.request import (
    USUAL_DATASET,
    StudyRequest,
    WeightPatterns,
    ended_version,
    evaluate_command,
    place_study,
)
from deepchord.worker.studies.scored_images import scored_alone
from deepchord.worker.studies.study import (
    StudiedEnsemble,
    commit_study,
    stored_study,
    study_dataset,
    study_members,
    study_run,
)

__all__ = [
    "USUAL_DATASET",
    "Conditions",
    "StudiedEnsemble",
    "StudiedRegression",
    "StudyRequest",
    "WeightPatterns",
    "check_name",
    "commit_study",
    "ended_version",
    "evaluate_command",
    "place_study",
    "scored_alone",
    "stored_study",
    "study_dataset",
    "study_members",
    "study_on_worker",
    "study_run",
]
