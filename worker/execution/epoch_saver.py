"""Saves a member's training state after each epoch, beside the training."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from deepchord.shared.errors import StorageError
from deepchord.shared.messages import MemberSpec, Trainer, TrainingPart
from deepchord.shared.storage import RunStore
from deepchord.worker.execution.resumption import Resumption
from deepchord.worker.training import Observer, SavedTraining, TrainingState, encode_training

logger = logging.getLogger(__name__)

#: How many states of a member are kept: the newest, and one more in case the newest is damaged.
_KEPT_STATES = 2
#: How much of the next epoch may be trained while a state is still being published.
_WAIT_AT = 0.1


class EpochSaver(Observer):
    """Publishes the state after each epoch, in a thread of its own.

    A context manager: its end waits until the last state is published, also after an error. If a state cannot be
    published, training goes on; only these epochs are lost if the attempt is interrupted.
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
        """Create a saver for one attempt.

        Args:
            store: Shared storage.
            spec: The member.
            attempt: The number of the attempt.
            trainer: Host, engine and device of this process.
            resumption: The state from which the attempt goes on.
            report: Called with a line of text if a state could not be published.
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
        """Publish the state in the background; waits until the state before it is published."""
        if self._publishing is not None:
            self._publishing.result()
        self._publishing = self._thread.submit(self._publish, state)

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """Wait for the state that is being published, unless the epoch has just begun."""
        del epochs_done
        if self._publishing is not None and epoch_share >= _WAIT_AT:
            self._publishing.result()

    def _publish(self, state: TrainingState) -> None:
        """Publish the state, and delete old ones."""
        run_id, index = self._spec.run_id, self._spec.index
        data = encode_training(SavedTraining(state=state, parts=self.parts(len(state.history))))
        try:
            self._saved.append(self._member.save_epoch(self._attempt, len(state.history), data))
        except StorageError as error:
            logger.warning("The state of a member was not saved: %s", error, extra={"run_id": run_id, "member": index})
            self._report(f"epoch {len(state.history)} was not saved, training goes on: {error}")
            return
        try:
            for saved in self._saved[:-_KEPT_STATES]:
                self._member.delete_epoch(saved)
        except StorageError as error:  # all states are deleted when the member has its record
            logger.info("Older states of member %d were left in storage: %s", index, error, extra={"run_id": run_id})
        del self._saved[:-_KEPT_STATES]

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
