"""Shared storage: where runs, members, weights and data sets are kept, and how they are written and read.

Coordinator and workers use a `RunStore`; the `ObjectStore` below it is a folder, an S3 bucket or the broker.
"""

from deepchord.shared.storage.attempts import (
    Attempt,
    SavedEpoch,
    attempts_without_progress,
    comparable_failure,
    digest,
    failures_in_a_row,
    furthest_epochs_first,
    progress_count,
)
from deepchord.shared.storage.damaged_records import damaged_records, set_record_aside
from deepchord.shared.storage.evaluation_store import EvaluationStore, StudyStore
from deepchord.shared.storage.member_store import MemberStore
from deepchord.shared.storage.object_store import BROKER_STORAGE, ObjectStore
from deepchord.shared.storage.run_store import RunStore
from deepchord.shared.storage.shards import ShardStore

__all__ = [
    "BROKER_STORAGE",
    "Attempt",
    "EvaluationStore",
    "MemberStore",
    "ObjectStore",
    "RunStore",
    "SavedEpoch",
    "ShardStore",
    "StudyStore",
    "attempts_without_progress",
    "comparable_failure",
    "damaged_records",
    "digest",
    "failures_in_a_row",
    "furthest_epochs_first",
    "progress_count",
    "set_record_aside",
]
