"""One attempt at one member: train it, publish its weights and probabilities, commit its record."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from deepchord.shared.checkpoints import encode_checkpoint, encode_member_outputs
from deepchord.shared.errors import StorageError
from deepchord.shared.messages import (
    FailedMember,
    MemberProgress,
    MemberRecord,
    MemberSpec,
    RunSpec,
    TrainedMember,
    TrainingPart,
)
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.storage import Attempt
from deepchord.worker.engines import Network
from deepchord.worker.evaluation import predict
from deepchord.worker.execution.epoch_saver import EpochSaver
from deepchord.worker.execution.progress_reporter import ProgressReporter
from deepchord.worker.execution.resumption import find_start
from deepchord.worker.execution.teacher import taught_targets
from deepchord.worker.resources import Resources
from deepchord.worker.training import (
    GivenWeights,
    Observer,
    Observers,
    TrainingSetup,
    TrainingState,
    member_split,
    train,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BegunAttempt:
    """An attempt at a member that has been given its number."""

    #: Part of the names of all objects that the attempt publishes.
    number: int
    #: The attempts before this one.
    earlier: tuple[Attempt, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trained:
    """What the training of an attempt left."""

    #: Holds the best weights.
    network: Network
    #: After the last epoch.
    state: TrainingState
    #: Which attempts trained which epochs.
    parts: tuple[TrainingPart, ...]


def attempt_member(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    attempt: BegunAttempt,
    observer: Observer,
    on_epoch: Callable[[str], None],
) -> MemberRecord:
    """Train a member and return its record in storage: that of another attempt if that one committed first.

    Args:
        resources: Engine, storage and broker of this process.
        run: The run's spec.
        spec: The member's spec.
        attempt: The attempt; it goes on from the newest state that earlier attempts saved.
        observer: Called after each batch, epoch and prediction; may end the attempt.
        on_epoch: Called after each epoch with one line of text, from a thread of its own.
    """
    started_at = datetime.now(UTC)
    progress = _first_progress(resources, run, spec, attempt, started_at)
    with ProgressReporter(resources.board, run.run_id, progress, on_epoch) as reporter:
        dataset = resources.dataset(run.dataset, observer.predicted)
        taught = run.distillation
        network = run.dataset.network(run.architecture)
        setup = TrainingSetup(
            architecture=network,
            recipe=run.recipe,
            seeds=spec.seeds,
            split=member_split(run, spec, dataset.y_train),
            dataset=dataset,
            targets=None if taught is None else taught_targets(resources.store, taught, dataset),
            given=_given(resources, run, network),
        )
        trained = _train(resources, spec, attempt, setup, reporter, observer)
        reporter.scoring()
        on_test = predict(trained.network, setup.dataset.x_test, run.dataset.outputs.size, observer.predicted)
        probabilities = encode_member_outputs(on_test)
        weights = encode_checkpoint(setup.architecture, trained.state.best_weights)
        stored = resources.store.member(run.run_id, spec.index)
        stored.publish_weights(attempt.number, weights)
        stored.publish_probabilities(attempt.number, probabilities)
        member = TrainedMember(
            spec=spec,
            attempt=attempt.number,
            trainer=resources.trainer,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            history=trained.state.history,
            best_epoch=trained.state.best_epoch,
            precision=resources.engine.precision(run.recipe),
            weights_sha256=hashlib.sha256(weights).hexdigest(),
            probabilities_sha256=hashlib.sha256(probabilities).hexdigest(),
            parts=trained.parts if len(trained.parts) > 1 else (),
        )
        return _commit(resources, MemberRecord(member=member))


def fail_member(resources: Resources, spec: MemberSpec, attempt: int, error: str) -> MemberRecord:
    """Commit that a member failed in its last attempt; return its record in storage.

    Opens no engine: opening it may be what failed, or what killed the process.
    """
    failed = FailedMember(
        spec=spec, attempt=attempt, trainer=resources.known_trainer, finished_at=datetime.now(UTC), error=error
    )
    return _commit(resources, MemberRecord(member=failed))


def _first_progress(
    resources: Resources, run: RunSpec, spec: MemberSpec, attempt: BegunAttempt, started_at: datetime
) -> MemberProgress:
    return MemberProgress(
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


def _given(resources: Resources, run: RunSpec, network: ResolvedArchitecture) -> GivenWeights | None:
    """Return what the members of a run start from; None: random weights."""
    info = run.initial_weights
    if info is None:
        return None
    weights = resources.initial_weights(info, network)
    return GivenWeights(weights=weights, drawn=frozenset(info.drawn), noise=info.noise)


def _train(
    resources: Resources,
    spec: MemberSpec,
    attempt: BegunAttempt,
    setup: TrainingSetup,
    reporter: ProgressReporter,
    observer: Observer,
) -> _Trained:
    """Train from the newest saved state on, and save the state after each epoch."""

    def report(trouble: str) -> None:
        resources.board.report_trouble(spec.run_id, spec.index, trouble)

    resumption = find_start(resources.store, spec, setup.architecture, attempt.earlier, resources.trainer)
    saver = EpochSaver(resources.store, spec, attempt.number, resources.trainer, resumption, report)
    # The saver gets an epoch before the observer, which may end the attempt.
    observers = Observers(reporter, saver, observer)
    with saver:
        network, state = train(resources.engine, setup, observers, start=resumption.start)
    return _Trained(network=network, state=state, parts=saver.parts(len(state.history)))


def _commit(resources: Resources, record: MemberRecord) -> MemberRecord:
    """Commit a record unless the member has one; return the one that is in storage."""
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
