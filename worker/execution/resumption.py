"""Saves a member's training state after each epoch, and finds the one to go on from."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from deepchord.shared.errors import CheckpointError, CorruptObjectError, ObjectNotFoundError, StorageError
from deepchord.shared.messages import MemberSpec, Trainer, TrainingPart
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.storage import Attempt, RunStore, SavedEpoch, furthest_epochs_first
from deepchord.worker.training import Observer, SavedTraining, TrainingState, decode_training, encode_training

logger = logging.getLogger(__name__)

#: States that are kept of a member: the newest, and the one before it in case that is damaged.
_KEPT = 2
#: What share of the next epoch may be trained while a state is still being published.
_WAIT_AT = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Resumption:
    """Where an attempt goes on."""

    #: None: before the first epoch.
    start: TrainingState | None = None
    #: What earlier attempts trained of it.
    parts: tuple[TrainingPart, ...] = ()
    #: The states that earlier attempts saved, that from which this one goes on last; none if it begins afresh: what
    #: this worker cannot read, another one might.
    saved: tuple[SavedEpoch, ...] = ()


def find_start(
    store: RunStore,
    spec: MemberSpec,
    architecture: ResolvedArchitecture,
    attempts: tuple[Attempt, ...],
    trainer: Trainer,
) -> Resumption:
    """Return the newest saved state that is whole; the optimizer's only if this engine, in this version, saved it.

    Raises:
        StorageError: Storage does not answer.
    """
    member = store.member(spec.run_id, spec.index)
    every = furthest_epochs_first(attempts)
    for saved in every:
        source = f"state of member {spec.index} of run {spec.run_id} after epoch {saved.epoch}"
        try:
            saved_training = decode_training(member.saved_epoch(saved), architecture, source)
        except (CorruptObjectError, ObjectNotFoundError, CheckpointError) as error:
            extra = {"run_id": spec.run_id, "member": spec.index}
            logger.warning("An older state is taken, for this one cannot be used: %s", error, extra=extra)
            continue
        before = saved_training.parts[-1].trainer
        same = (before.engine, before.engine_version) == (trainer.engine, trainer.engine_version)
        start = saved_training.state if same else replace(saved_training.state, optimizer=())
        others = tuple(other for other in every if other != saved)
        return Resumption(start=start, parts=saved_training.parts, saved=(*others, saved))
    return Resumption()


class EpochSaver(Observer):
    """Publishes the state after each epoch under the attempt's own name, in a thread of its own.

    As a context manager, which waits for the last state to be published, also when an error ends the training. A state
    that cannot be published costs nothing but the epochs since the last one, should the attempt be cut short.
    """

    def __init__(
        self,
        store: RunStore,
        spec: MemberSpec,
        attempt: int,
        trainer: Trainer,
        resumption: Resumption,
        report: Callable[[str], None],
    ) -> None:
        """Take where to publish.

        Args:
            store: Shared storage.
            spec: The member.
            attempt: The attempt.
            trainer: Who trains.
            resumption: Where the attempt began.
            report: Told of a state that could not be published.
        """
        self._member = store.member(spec.run_id, spec.index)
        self._spec = spec
        self._attempt = attempt
        self._trainer = trainer
        self._resumption = resumption
        self._report = report
        self._saved = list(resumption.saved)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="epochs")
        self._publishing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if self._publishing is None:
            return
        if error is None:
            self._publishing.result()
        elif (unpublished := self._publishing.exception()) is not None:
            logger.warning("The last state of member %d was not saved: %s", self._spec.index, unpublished)

    def epoch(self, state: TrainingState) -> None:
        """Have the state published, when the one before it is."""
        if self._publishing is not None:
            self._publishing.result()
        self._publishing = self._thread.submit(self._publish, state)

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """Let no more than the beginning of an epoch pass before the one before it is published."""
        del epochs_done
        if self._publishing is not None and epoch_share >= _WAIT_AT:
            self._publishing.result()

    def _publish(self, state: TrainingState) -> None:
        """Publish the state, and forget the one before the last."""
        run_id, index = self._spec.run_id, self._spec.index
        data = encode_training(SavedTraining(state=state, parts=self.parts(len(state.history))))
        try:
            self._saved.append(self._member.save_epoch(self._attempt, len(state.history), data))
        except StorageError as error:
            logger.warning("The state of a member was not saved: %s", error, extra={"run_id": run_id, "member": index})
            self._report(f"epoch {len(state.history)} was not saved, training goes on: {error}")
            return
        try:
            for saved in self._saved[:-_KEPT]:
                self._member.delete_epoch(saved)
        except StorageError as error:  # all go when the member has its record
            logger.info("Older states of member %d were left in storage: %s", index, error, extra={"run_id": run_id})
        del self._saved[:-_KEPT]

    def parts(self, epochs: int) -> tuple[TrainingPart, ...]:
        """Return who trained the first `epochs` epochs."""
        before, start = self._resumption.parts, self._resumption.start
        done = sum(part.epochs for part in before)
        mine = TrainingPart(
            attempt=self._attempt,
            trainer=self._trainer,
            epochs=epochs - done,
            optimizer_continued=start is not None and bool(start.optimizer),
        )
        return (*before, mine)
