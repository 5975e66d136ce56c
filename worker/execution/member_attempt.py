"""One attempt at one member: train it, publish what it left, commit its record."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from deepchord.shared.checkpoints import encode_checkpoint, encode_member_probabilities
from deepchord.shared.errors import StorageError
from deepchord.shared.messages import FailedMember, MemberProgress, MemberRecord, MemberSpec, RunSpec, TrainedMember
from deepchord.shared.storage import Attempt
from deepchord.worker.evaluation import predict
from deepchord.worker.execution.progress import ProgressReporter
from deepchord.worker.execution.resumption import EpochSaver, find_start
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer, Observers, train

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BegunAttempt:
    """An attempt at a member whose number was taken."""

    #: Names what the attempt publishes.
    number: int
    #: The attempts that were there before the number was taken.
    earlier: tuple[Attempt, ...] = ()


def attempt_member(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    attempt: BegunAttempt,
    observer: Observer,
    on_epoch: Callable[[str], None],
) -> MemberRecord:
    """Train a member and return its committed record, which is an earlier one's if another attempt was faster.

    Args:
        resources: Engine, storage and broker of this process.
        run: The run's spec.
        spec: The member's spec.
        attempt: The attempt that was begun; it goes on from the newest state that the earlier ones saved.
        observer: Told of each batch, epoch and prediction; may end the attempt.
        on_epoch: Called after each epoch with one line of text, from a thread of its own.
    """
    started_at = datetime.now(UTC)
    first = MemberProgress(
        index=spec.index,
        attempt=attempt.number,
        trainer=resources.trainer,
        phase="preparing",
        epochs_done=0,
        epochs=run.recipe.epochs,
        epoch_share=0.0,
        started_at=started_at,
        updated_at=started_at,
    )

    def report(trouble: str) -> None:
        resources.board.report_trouble(run.run_id, spec.index, trouble)

    with ProgressReporter(resources.board, run.run_id, first, on_epoch) as reporter:
        dataset = resources.dataset(run.dataset)
        architecture = run.architecture.resolve(input_shape=run.dataset.input_shape, classes=run.dataset.classes)
        resumption = find_start(resources.store, spec, architecture, attempt.earlier, resources.trainer)
        saver = EpochSaver(resources.store, spec, attempt.number, resources.trainer, resumption, report)
        with saver:
            network, state = train(
                resources.engine,
                architecture,
                run.recipe,
                spec.seeds,
                dataset,
                # The epoch is handed to the saver before anybody ends the attempt.
                Observers(reporter, saver, observer),
                start=resumption.start,
            )
        reporter.scoring()
        probabilities = encode_member_probabilities(
            predict(network, dataset.x_test, run.dataset.classes, observer.predicted)
        )
        weights = encode_checkpoint(architecture, state.best_weights)
        member = resources.store.member(run.run_id, spec.index)
        member.publish_weights(attempt.number, weights)
        member.publish_probabilities(attempt.number, probabilities)
        parts = saver.parts(len(state.history))
        record = MemberRecord(
            member=TrainedMember(
                spec=spec,
                attempt=attempt.number,
                trainer=resources.trainer,
                started_at=started_at,
                finished_at=datetime.now(UTC),
                history=state.history,
                best_epoch=state.best_epoch,
                precision=resources.engine.precision(run.recipe),
                weights_sha256=hashlib.sha256(weights).hexdigest(),
                probabilities_sha256=hashlib.sha256(probabilities).hexdigest(),
                parts=parts if len(parts) > 1 else (),
            )
        )
        return _committed(resources, record)


def fail_member(resources: Resources, spec: MemberSpec, attempt: int, error: str) -> MemberRecord:
    """Commit that a member failed in its last attempt; return the record that stands.

    Opens no engine: that itself may be what failed, and what killed the process.
    """
    failed = FailedMember(
        spec=spec, attempt=attempt, trainer=resources.known_trainer, finished_at=datetime.now(UTC), error=error
    )
    return _committed(resources, MemberRecord(member=failed))


def _committed(resources: Resources, record: MemberRecord) -> MemberRecord:
    spec = record.member.spec
    member = resources.store.member(spec.run_id, spec.index)
    extra = {"run_id": spec.run_id, "member": spec.index}
    if not member.commit_record(record):
        logger.warning("Member %d of run %s had a record already; it stays.", spec.index, spec.run_id, extra=extra)
        record = member.record() or record
    try:
        member.delete_epochs()
    except StorageError as error:
        logger.info("Saved epochs of member %d were left in storage: %s", spec.index, error, extra=extra)
    return record
