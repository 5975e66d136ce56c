"""A run at one moment: records from storage and progress from the broker, put into one view."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import redis
from numpy.typing import NDArray

from deepchord.shared.broker import ProgressBoard, permanent_error
from deepchord.shared.checkpoints import decode_member_outputs
from deepchord.shared.errors import DamagedRecordError, StorageError
from deepchord.shared.messages import (
    Cancellation,
    Evaluation,
    MemberProgress,
    MemberRecord,
    RunFailure,
    RunSpec,
    TrainedMember,
)
from deepchord.shared.storage import RunStore
from deepchord.shared.uncertainty import accuracy, negative_log_likelihood

logger = logging.getLogger(__name__)

RunState = Literal["waiting", "training", "evaluating", "evaluated", "failed", "cancelled"]
#: Why a run stands still: its workers start, or are busy; there are none; its broker does not work, or is elsewhere.
StallKind = Literal["starting", "busy", "no_workers", "broker", "unreachable"]


@dataclass(frozen=True, kw_only=True)
class EnsembleSoFar:
    """The ensemble of the members that are trained by now."""

    members: int
    test_accuracy: float
    #: The negative log-likelihood of the mean probabilities, in nats.
    test_loss: float
    #: The same ensemble without the member that was trained last; None if that is the only one.
    before: "EnsembleSoFar | None" = None


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run at one moment."""

    run: RunSpec
    records: Mapping[int, MemberRecord] = field(default_factory=dict)
    progress: Mapping[int, MemberProgress] = field(default_factory=dict)
    #: The last trouble of members, by index.
    notes: Mapping[int, str] = field(default_factory=dict)
    #: The last trouble of the evaluation.
    evaluation_note: str | None = None
    so_far: EnsembleSoFar | None = None
    evaluation: Evaluation | None = None
    failure: RunFailure | None = None
    #: Who cancelled the run, and when; None if nobody did.
    cancellation: Cancellation | None = None
    #: False while no broker is known, or it does not answer: `progress` is old then.
    live: bool = True
    #: Why the run stands still; None if it does not, or nobody knows.
    stall_reason: str | None = None
    #: What kind of reason that is.
    stall_kind: StallKind | None = None
    #: Of an evaluated run that is to get more members by itself: how many in all.
    awaited_members: int | None = None

    @property
    def state(self) -> RunState:
        """The stage that the run is in."""
        if self.evaluation is not None:
            return "evaluated"
        if self.failure is not None:
            return "failed"
        if self.cancellation is not None:
            return "cancelled"
        if len(self.records) == self.run.members:
            return "evaluating"
        return "training" if self.records or self.progress else "waiting"

    @property
    def has_ended(self) -> bool:
        """Whether the run is evaluated, failed or cancelled, and gets no more members by itself."""
        return self.state in ("evaluated", "failed", "cancelled") and self.awaited_members is None

    @property
    def trained(self) -> int:
        """The number of members that are trained."""
        return sum(record.member.status == "trained" for record in self.records.values())

    @property
    def share_done(self) -> float:
        """The share of all training that is done, in [0, 1]."""
        return sum(self.member_share(index) for index in range(self.run.members)) / self.run.members

    def member_share(self, index: int) -> float:
        """Return the share of a member's training that is done, in [0, 1]; early stopping makes it jump."""
        if index in self.records:
            return 1.0
        line = self.progress.get(index)
        return 0.0 if line is None else min(1.0, (line.epochs_done + line.epoch_share) / line.epochs)

    def member_seconds_left(self, index: int) -> float | None:
        """Return the seconds that a member in training needs for its remaining epochs; None if not known.

        It is not known for a member that validates after its last epoch; less than a second left counts as validation.
        """
        line = self.progress.get(index)
        if index in self.records or line is None or line.phase in ("scoring", "waiting"):
            return None
        epochs_left = line.epochs - line.epochs_done - line.epoch_share
        if epochs_left <= 0:
            return None
        left = self._seconds(line, epochs_left)
        return None if left is None or left < 1 else left

    def _seconds(self, line: MemberProgress, epochs: float) -> float | None:
        if line.last is not None:
            return line.last.duration_s * epochs
        trained_s = (line.updated_at - line.started_at).total_seconds()
        return trained_s * epochs / line.epoch_share if line.epoch_share > _MIN_EPOCH_SHARE else None

    def elapsed_s(self, now: datetime | None = None) -> float:
        """Return the seconds from the run's start to its end, or to now."""
        end = now or datetime.now(UTC)
        if self.evaluation is not None:
            end = self.evaluation.evaluated_at
        elif self.failure is not None:
            end = self.failure.failed_at
        elif self.cancellation is not None:
            end = self.cancellation.cancelled_at
        return max(0.0, (end - self.run.created_at).total_seconds())


#: The pace of a member is not known before this share of its first epoch is done.
_MIN_EPOCH_SHARE = 0.1


class RunWatcher:
    """Reads views of one run; what never changes in storage is read only once."""

    def __init__(
        self,
        store: RunStore,
        run: RunSpec,
        board: ProgressBoard | None = None,
        test_labels: NDArray[np.integer] | None = None,
    ) -> None:
        """Create a watcher of one run; nothing is read yet.

        Args:
            store: Shared storage.
            run: The run to look at.
            board: The progress of members; None: the views show records only.
            test_labels: [test_size]; with them the views show the accuracy of the ensemble so far.
        """
        self._store = store
        self._run = run
        self._board = board
        self._labels = test_labels
        self._records: dict[int, MemberRecord] = {}
        self._sum: NDArray[np.float64] | None = None
        self._so_far: EnsembleSoFar | None = None
        self._progress: dict[int, MemberProgress] = {}
        self._notes: dict[int, str] = {}
        self._evaluation_note: str | None = None
        #: What is wrong with each damaged record.
        self._damaged: dict[int, str] = {}

    @property
    def run(self) -> RunSpec:
        """The run that the views show."""
        return self._run

    def look(self) -> RunView:
        """Return the run as it is now.

        Raises:
            StorageError: Storage does not answer. If only the broker does not answer, the view is not live.
            BrokerError: The broker refuses this user, or may not show it the progress of members.
        """
        is_cancelled = self._store.is_cancelled(self._run.run_id)
        # The end is read after the cancellation, because an end takes the cancellation back; and before the records,
        # because a view with an evaluation must have the records of all members.
        end = self._store.evaluation(self._run)
        evaluation = end.result()
        failure = None if evaluation else end.failure()
        is_still_cancelled = is_cancelled and not evaluation and not failure
        self._read_new_records()
        return RunView(
            run=self._run,
            live=self._read_board(),
            records=dict(self._records),
            progress=dict(self._progress),
            notes=self._notes | self._damaged,
            evaluation_note=self._evaluation_note,
            so_far=self._so_far,
            evaluation=evaluation,
            failure=failure,
            cancellation=self._store.cancellation(self._run.run_id) if is_still_cancelled else None,
        )

    def _read_board(self) -> bool:
        if self._board is None:
            return False
        try:
            self._progress = self._board.read(self._run.run_id)
            self._notes = self._board.troubles(self._run.run_id)
            self._evaluation_note = self._board.evaluation_trouble(self._run)
        except redis.RedisError as error:
            if (refused := permanent_error(error)) is not None:
                raise refused from error
            return False
        return True

    def _read_new_records(self) -> None:
        self._damaged = {}
        for index in self._store.recorded_members(self._run.run_id):
            if index in self._records or index >= self._run.members:
                continue
            try:
                record = self._store.member(self._run.run_id, index).record()
            except DamagedRecordError as error:
                self._damaged[index] = str(error)
                continue
            if record is None:
                continue
            self._records[index] = record
            if isinstance(record.member, TrainedMember) and self._labels is not None:
                self._add_to_ensemble(record.member, self._labels)

    def _add_to_ensemble(self, member: TrainedMember, labels: NDArray[np.integer]) -> None:
        try:
            stored = self._store.member(self._run.run_id, member.spec.index)
            data = stored.probabilities(member.attempt, member.probabilities_sha256)
            source = f"Probabilities of member {member.spec.index} of run {self._run.run_id}"
            probabilities = decode_member_outputs(data, source)
        except StorageError as error:  # a number in a view is no reason to stop
            logger.warning("The ensemble so far goes without member %d: %s", member.spec.index, error)
            return
        self._sum = probabilities.astype(np.float64) if self._sum is None else self._sum + probabilities
        before = None if self._so_far is None else replace(self._so_far, before=None)
        members = 1 if before is None else before.members + 1
        mean = self._sum / members
        self._so_far = EnsembleSoFar(
            members=members,
            test_accuracy=accuracy(mean, labels),
            test_loss=negative_log_likelihood(mean, labels),
            before=before,
        )
