"""Shared storage: where runs, members, weights and data sets are kept, and how they are written and read.

Coordinator and workers use a `RunStore`; the `ObjectStore` below it is a folder, an S3 bucket or the broker.
"""

from deepchord.shared.storage import keys
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
from deepchord.shared.storage.inputs import InputStore, ShardStore, input_keys, note_publication, published_at
from deepchord.shared.storage.member_store import MemberStore
from deepchord.shared.storage.object_store import BROKER_STORAGE, ObjectStore, StoredObject, check_key
from deepchord.shared.storage.pruned_runs import note_pruning, read_pruning, refuse_pruned
from deepchord.shared.storage.run_store import RunStore

__all__ = [
    "BROKER_STORAGE",
    "Attempt",
    "EvaluationStore",
    "InputStore",
    "MemberStore",
    "ObjectStore",
    "RunStore",
    "SavedEpoch",
    "ShardStore",
    "StoredObject",
    "StudyStore",
    "attempts_without_progress",
    "check_key",
    "comparable_failure",
    "damaged_records",
    "digest",
    "failures_in_a_row",
    "furthest_epochs_first",
    "input_keys",
    "keys",
    "note_pruning",
    "note_publication",
    "progress_count",
    "published_at",
    "read_pruning",
    "refuse_pruned",
    "set_record_aside",
]
