"""A run, its members and how they end, as the tests of storage write them."""

import hashlib
from datetime import UTC, datetime

from deepchord.shared.messages import (
    DatasetInfo,
    EnsembleEvaluation,
    EpochMetrics,
    FailedMember,
    MemberEvaluation,
    MemberRecord,
    MemberSeeds,
    MemberSpec,
    Recipe,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import notebook_architecture

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="cpu")
RUN = "2026-05-04-quick"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run_spec(run_id: str = RUN) -> RunSpec:
    return RunSpec(
        run_id=run_id,
        created_at=NOW,
        preset="quick",
        dataset=DatasetInfo(
            name="digits",
            sha256=sha256(b"digits"),
            input_shape=(28, 28, 1),
            class_names=("0", "1"),
            train_size=10,
            test_size=5,
        ),
        architecture=notebook_architecture(),
        recipe=Recipe(
            optimizer="nadam", learning_rate=0.002, batch_size=128, epochs=25, validation_fraction=0.2, patience=10
        ),
        members=3,
        min_members=2,
        seed=1,
        max_attempts=3,
    )


def member_spec(index: int) -> MemberSpec:
    return MemberSpec(run_id=RUN, index=index, seeds=MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4))


def trained(index: int, attempt: int = 1) -> MemberRecord:
    epoch = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)
    return MemberRecord(
        member=TrainedMember(
            spec=member_spec(index),
            attempt=attempt,
            trainer=TRAINER,
            started_at=NOW,
            finished_at=NOW,
            history=(epoch,),
            best_epoch=1,
            weights_sha256=sha256(b"weights"),
            probabilities_sha256=sha256(b"probabilities"),
        )
    )


def failed(index: int) -> MemberRecord:
    return MemberRecord(
        member=FailedMember(spec=member_spec(index), attempt=3, trainer=None, finished_at=NOW, error="NaN")
    )


def evaluation(probabilities: bytes, accuracy: float = 0.9) -> EnsembleEvaluation:
    scores = Scores(loss=0.5, accuracy=accuracy)
    return EnsembleEvaluation(
        requested=3,
        trained=1,
        evaluator=TRAINER,
        evaluated_at=NOW,
        duration_s=1,
        members=(MemberEvaluation(index=0, train=scores, test=scores),),
        train=scores,
        test=scores,
        confusion=((1, 0), (0, 1)),
        misclassified=(),
        probabilities_sha256=sha256(probabilities),
    )
