"""Reports the progress of a member to the live view and to Flower, outside of the training thread."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from celery import Task

from deepchord.shared.broker import ProgressBoard
from deepchord.shared.messages import MemberProgress
from deepchord.worker.execution.outcomes import MemberTaken
from deepchord.worker.training import Observer, TrainingState

logger = logging.getLogger(__name__)

#: Seconds between two reports.
_EVERY_S = 0.5


class ProgressReporter(Observer):
    """Keeps the newest progress in memory; a thread of its own publishes it, so that training never waits for Redis.

    The thread also calls `on_epoch`. Its errors are only logged: no member must fail because of a line of text.
    """

    def __init__(
        self, board: ProgressBoard, run_id: str, first: MemberProgress, on_epoch: Callable[[str], None]
    ) -> None:
        self._board = board
        self._run_id = run_id
        self._extra = {"run_id": run_id, "member": first.index}
        self._progress = first
        self._on_epoch = on_epoch
        self._lines: deque[str] = deque()
        self._published: MemberProgress | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._publish_until_stopped, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is MemberTaken:  # another worker reports this member now
            self._published = self._progress
        elif kind is not None:
            self._renew(phase="waiting", epoch_share=0.0)
        self._stopped.set()
        self._thread.join()

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """Record the end of a batch."""
        self._renew(phase="training", epochs_done=epochs_done, epoch_share=min(1.0, epoch_share))

    def epoch(self, state: TrainingState) -> None:
        """Record the end of an epoch, with a line of text."""
        history, last = state.history, state.history[-1]
        best = history[state.best_epoch - 1].validation_accuracy
        self._renew(epochs_done=len(history), epoch_share=0.0, last=last, best_validation_accuracy=best)
        accuracy, error = last.validation_accuracy, last.validation_error
        measured = f"val_acc {accuracy:.4f}" if accuracy is not None else f"val_error {error:.4f}"
        self._lines.append(
            f"epoch {len(history)}/{self._progress.epochs} val_loss {last.validation_loss:.4f} {measured}"
        )

    def scoring(self) -> None:
        """Record that the training is over, and the test images are predicted."""
        self._renew(phase="scoring", epoch_share=0.0)

    def _renew(self, **changes: Any) -> None:
        # Called for each batch, so it copies without validation; readers validate.
        self._progress = self._progress.model_copy(update=changes)

    def _publish_until_stopped(self) -> None:
        while True:
            stopped = self._stopped.wait(_EVERY_S)
            if self._progress is not self._published:
                self._published = self._progress
                line = self._progress.model_copy(update={"updated_at": datetime.now(UTC)})
                self._board.publish(self._run_id, line)
            self._report_epochs()
            if stopped:
                return

    def _report_epochs(self) -> None:
        try:
            while self._lines:
                self._on_epoch(self._lines.popleft())
        except Exception:
            self._lines.clear()
            logger.info("An epoch could not be reported to Flower.", exc_info=True, extra=self._extra)


def report_to_flower(task: Task) -> Callable[[str], None]:
    """Return a function that shows a line of text in Flower; it can be called from any thread."""
    task_id, hostname = task.request.id, task.request.hostname

    def report(line: str) -> None:
        with task.app.events.default_dispatcher(hostname=hostname) as dispatcher:
            dispatcher.send("task-progress", uuid=task_id, result=line)

    return report
