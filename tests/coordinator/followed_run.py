"""A run of two tiny members on published data, for tests that follow it."""

import hashlib
import sys
from datetime import UTC, datetime

import numpy as np

from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.checkpoints import encode_member_outputs
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import EpochMetrics, MemberRecord, RunFailure, RunSpec, TrainedMember, Trainer
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.storage import RunStore
from tests.records import commit_record

TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="CPU:0")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
#: Starts a worker that does nothing.
IDLE_WORKER = (sys.executable, "-c", "import time; time.sleep(1000)")
LABELS = np.arange(20) % 2


def published_run(store: RunStore) -> RunSpec:
    """Publish the data set, and return a run on it."""
    images = np.zeros((20, 6, 6), dtype=np.uint8)
    arrays = {"x_train": images, "y_train": LABELS, "x_test": images, "y_test": LABELS}
    dataset = publish_dataset(dataset_from_arrays(arrays, name="tiny", source="tiny"), store)
    request = plan_request(None, {"members": 2, "seed": 1})
    return plan_run(request, TINY, dataset, max_attempts=3, now=NOW)


def fail(store: RunStore, run: RunSpec) -> RunFailure:
    """Record that the run failed, and return how."""
    failure = RunFailure(requested=2, trained=0, reason="nobody learnt anything", failed_at=NOW)
    store.evaluation(run).commit_failure(failure)
    return failure


def commit(store: RunStore, run: RunSpec, index: int) -> None:
    """Record a member as trained; its probabilities are those of the labels."""
    data = encode_member_outputs(np.eye(2, dtype=np.float32)[LABELS])
    store.member(run.run_id, index).publish_probabilities(1, data)
    epoch = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)
    member = TrainedMember(
        spec=plan_member(run.run_id, run.seed, index),
        attempt=1,
        trainer=TRAINER,
        started_at=NOW,
        finished_at=NOW,
        history=(epoch,),
        best_epoch=1,
        weights_sha256="0" * 64,
        probabilities_sha256=hashlib.sha256(data).hexdigest(),
    )
    commit_record(store, MemberRecord(member=member))
