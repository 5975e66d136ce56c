"""A run in storage that was trained and evaluated, with real data and weights that are only bytes."""

import hashlib
from datetime import UTC, datetime

import numpy as np

from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import (
    EnsembleEvaluation,
    EpochMetrics,
    MemberEvaluation,
    MemberRecord,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.storage import RunStore
from tests.records import commit_record

TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="CPU:0")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PROBABILITIES = b"npz"


def submitted(store: RunStore, *, brightness: int = 0, **options: object) -> RunSpec:
    """Publish a data set, and create a run of it; data sets of another brightness differ."""
    images = np.full((20, 6, 6), brightness, dtype=np.uint8)
    labels = np.arange(20) % 2
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    dataset = publish_dataset(dataset_from_arrays(arrays, name="tiny", source="tiny"), store)
    owner = options.pop("owner", None)
    request = plan_request(None, {"members": 2, "seed": 1, **options})
    run = plan_run(request, TINY, dataset, max_attempts=3, now=NOW, owner=owner)
    assert store.create_run(run)
    return run


def train(store: RunStore, run: RunSpec, index: int, accuracy: float, attempt: int = 1) -> None:
    """Record a member as trained, with weights, and what an earlier attempt left."""
    member, data = store.member(run.run_id, index), weights(run, index)
    for number in range(1, attempt + 1):
        assert member.start_attempt(b"{}") == number
        member.publish_weights(number, data)
        member.publish_probabilities(number, PROBABILITIES)
        member.save_epoch(number, 1, b"state")
    epoch = EpochMetrics(
        train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=accuracy, duration_s=1
    )
    trained = TrainedMember(
        spec=plan_member(run.run_id, run.seed, index),
        attempt=attempt,
        trainer=TRAINER,
        started_at=NOW,
        finished_at=NOW,
        history=(epoch,),
        best_epoch=1,
        weights_sha256=hashlib.sha256(data).hexdigest(),
        probabilities_sha256=hashlib.sha256(PROBABILITIES).hexdigest(),
    )
    assert commit_record(store, MemberRecord(member=trained))


def weights(run: RunSpec, index: int) -> bytes:
    """The bytes that stand for the weights of a member."""
    return f"weights of member {index} of {run.run_id}".encode()


def evaluate(store: RunStore, run: RunSpec, at: datetime = NOW) -> None:
    """Record a run as evaluated at a moment."""
    scores = Scores(loss=0.5, accuracy=0.9)
    evaluation = EnsembleEvaluation(
        requested=run.members,
        trained=run.members,
        evaluator=TRAINER,
        evaluated_at=at,
        duration_s=1,
        members=tuple(MemberEvaluation(index=index, train=scores, test=scores) for index in range(run.members)),
        train=scores,
        test=scores,
        confusion=((1, 0), (0, 1)),
        misclassified=(),
        probabilities_sha256=hashlib.sha256(PROBABILITIES).hexdigest(),
    )
    assert store.evaluation(run).commit_result(evaluation, PROBABILITIES)


def evaluated(store: RunStore, *, at: datetime = NOW, **options: object) -> RunSpec:
    """A run of two members; the second one did better on the images that it held out, in its second attempt."""
    run = submitted(store, **options)
    train(store, run, 0, accuracy=0.6)
    train(store, run, 1, accuracy=0.7, attempt=2)
    evaluate(store, run, at)
    return run
