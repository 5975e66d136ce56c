"""Keeps a run going whatever gets lost: compares storage, leases and queue, and sends lost parts again.

Storage shows what is done, leases show what is being done, and the queue shows what is still to be done. A member that
is in none of them was lost, with its message or its worker, and is sent again. Several hosts may reconcile one run.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from deepchord.coordinator.reconciliation.resend_policy import MAX_FRUITLESS_RESENDS, Observations, ResendState, due
from deepchord.coordinator.runs import (
    decide_members,
    evaluation_task_id,
    extend_run,
    member_task_id,
    resend_evaluation,
    resend_member,
    submit_remaining,
)
from deepchord.shared.broker import KEY_PREFIX, Leases, ProgressBoard, evaluation_lease, permanent_error
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE, ShareBoard, create_app, queue_for, queue_length, queued_task_ids
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, damaged_records, progress_count, set_record_aside

logger = logging.getLogger(__name__)

#: The evaluation starts within this time after the last member has ended.
_EVALUATION_STARTS_WITHIN_S = 5.0
#: How often callers reconcile a run.
EVERY_S = 5.0
#: How many records are read in one round at most.
_RECORDS_AT_ONCE = 500
#: The part that is the evaluation; the other parts are members, by their indices.
EVALUATION = -1


@dataclass(frozen=True, kw_only=True)
class _OpenParts:
    """The parts of a run that are not done, as far as they are lost or held."""

    #: Neither held nor in the queue.
    lost: Sequence[int]
    #: Held by a worker, with the seconds until the lease expires.
    held: Mapping[int, float]
    #: How long a message may be on its way from the queue to a worker.
    patience_s: float


class Reconciler:
    """Reconciles runs on one broker. When the broker does not answer, the next call tries again."""

    def __init__(
        self, settings: Settings, store: RunStore, client: redis.Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create a reconciler; nothing is read yet.

        Args:
            settings: With a broker.
            store: Shared storage.
            client: A connection to the broker.
            clock: Returns seconds.
        """
        self._store = store
        self._lease_s = settings.lease_s
        self._client = client
        self._leases = Leases(client)
        self._board = ProgressBoard(client)
        self._shares = ShareBoard(client)
        self._app = _app_without_retries(settings)
        self._clock = clock
        self._observations: dict[str, Observations] = {}

    def reconcile(self, run: RunSpec) -> str | None:
        """Send again what was lost of a run that has not ended.

        Returns:
            Why the run cannot go on although its parts were sent again several times; None as long as it may go on.

        Raises:
            StorageError: Storage does not answer.
            BrokerError: The broker refuses this user, or a command that this user gives.
        """
        if self._store.is_cancelled(run.run_id):
            return None
        seen = self._observations.setdefault(run.run_id, Observations())
        recorded = self._recorded(run, seen)
        pending = [index for index in range(run.members) if index not in recorded]
        try:
            # If this user may not take a resend lock, that is found out now, not only when something is lost.
            self._client.exists(_resend_lock_key(run, EVALUATION))
            if not self._shares.is_published(run.run_id):  # lost, or an earlier version submitted the run
                self._shares.publish(run.run_id, self._store.share(run), run.members)
            parts = self._open_members(run, seen, pending) if pending else self._open_evaluation(run)
            resendable = due(seen, parts.lost, parts.held, self._clock(), parts.patience_s)
            exhausted = [part for part in resendable if not self._resend(run, seen, part)]
            return self._obstacle(run, exhausted) if exhausted and not parts.held else None
        except (redis.RedisError, OperationalError) as error:
            refused = permanent_error(error)
            if refused is not None:
                raise refused from error
            logger.info("Run %s could not be reconciled: %s.", run.run_id, error, extra={"run_id": run.run_id})
            return None

    def add_members(self, run: RunSpec) -> bool:
        """Add members to a run that has ended if it asked for that and more would help.

        Returns:
            Whether it goes on. If the broker does not answer, what was not sent is found to be lost later.

        Raises:
            StorageError: Storage does not answer.
        """
        decision = None if run.auto is None else decide_members(run, self._store.evaluation(run).result())
        if decision is None or decision.extended is None:
            return False
        logger.info("Run %s: %s", run.run_id, decision.reason, extra={"run_id": run.run_id})
        try:
            extend_run(self._store, decision.extended)
            submit_remaining(self._app, self._store, decision.extended)
        except (InputError, BrokerError) as error:  # another command was faster, or the broker is away
            logger.info("%s", error, extra={"run_id": run.run_id})
        return True

    def _recorded(self, run: RunSpec, seen: Observations) -> set[int]:
        """Return the members that have a record; a damaged record is set aside, so that its member is trained again."""
        recorded = set(self._store.recorded_members(run.run_id))
        unread = sorted(recorded - seen.intact)[:_RECORDS_AT_ONCE]
        damaged = set(damaged_records(self._store, run.run_id, unread))
        seen.intact.update(set(unread) - damaged)
        return recorded - {index for index in damaged if set_record_aside(self._store, run.run_id, index)}

    def _open_members(self, run: RunSpec, seen: Observations, pending: Sequence[int]) -> _OpenParts:
        held = self._leases.held_members(run.run_id, pending)
        lost = self._lost_members(run, seen, [index for index in pending if index not in held])
        return _OpenParts(lost=lost, held=held, patience_s=self._lease_s)

    def _open_evaluation(self, run: RunSpec) -> _OpenParts:
        remaining_s = self._leases.remaining_s(evaluation_lease(run.run_id))
        held = {} if remaining_s is None else {EVALUATION: remaining_s}
        is_found = held or evaluation_task_id(run) in queued_task_ids(self._client, QUEUE)
        lost = [] if is_found else [EVALUATION]
        return _OpenParts(lost=lost, held=held, patience_s=_EVALUATION_STARTS_WITHIN_S)

    def _lost_members(self, run: RunSpec, seen: Observations, unheld: list[int]) -> list[int]:
        """Return which of the members that nobody holds are not in the queue.

        To read a long queue takes a while, so it is read only if a member may be lost.
        """
        queue = queue_for(run.require)
        now = self._clock()
        may_be_lost = (
            seen.lease_ends.keys() & set(unheld)
            or seen.lost_since
            or queue_length(self._client, queue) < len(unheld)
            # Messages of other runs, and doubled messages, may make a queue long in which some are missing.
            or seen.queue_read_at is None
            or now - seen.queue_read_at >= self._lease_s
        )
        if not unheld or not may_be_lost:
            return []
        seen.queue_read_at = now
        queued = queued_task_ids(self._client, queue)
        return [index for index in unheld if member_task_id(run.run_id, index) not in queued]

    def _resend(self, run: RunSpec, seen: Observations, part: int) -> bool:
        """Send a part again; return False if it was sent often enough without any progress."""
        is_evaluation, now = part == EVALUATION, self._clock()
        stored = self._store.evaluation(run) if is_evaluation else self._store.member(run.run_id, part)
        # An attempt that was handed over counts as none: the next one may meet the same trouble, a full storage, say.
        progress = progress_count(stored.attempts())
        state = seen.resends.get(part, ResendState(progress=progress, times=0, at=now))
        if state.is_exhausted(progress, now):
            return False
        # While the lock lasts, as long as a lease, no other host sends this part again.
        if not self._client.set(_resend_lock_key(run, part), "", nx=True, px=int(self._lease_s * 1000)):
            return True
        seen.resends[part] = state.after_resend(progress, now)
        what = "evaluation" if is_evaluation else f"member {part}"
        logger.info("The %s of run %s was lost and is sent again.", what, run.run_id, extra={"run_id": run.run_id})
        if is_evaluation:
            resend_evaluation(self._app, run)
        else:
            resend_member(self._app, run, part)
        return True

    def _obstacle(self, run: RunSpec, exhausted: Sequence[int]) -> str:
        """Return why a run cannot go on: which parts were sent in vain, and what the workers reported of them."""
        notes = self._board.troubles(run.run_id)
        troubles = [f"member {index}: {note}" for index, note in sorted(notes.items())]
        evaluation = self._board.evaluation_trouble(run)
        if evaluation is not None:
            troubles.append(f"the evaluation: {evaluation}")
        members = ", ".join(str(part) for part in exhausted)
        what = "evaluation was" if EVALUATION in exhausted else f"members {members} were"
        details = "; ".join(troubles) or "the logs of the workers tell more"
        return f"its {what} sent {MAX_FRUITLESS_RESENDS} times in vain ({details})"


def _app_without_retries(settings: Settings) -> Celery:
    """Return a Celery application that fails at once without a broker; the usual one waits until the broker is back."""
    app = create_app(settings)
    app.conf.result_backend_always_retry = False
    app.conf.task_publish_retry = False
    return app


def _resend_lock_key(run: RunSpec, part: int) -> str:
    return f"{KEY_PREFIX}bell:{run.run_id}:{part}"
