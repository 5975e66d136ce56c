"""Brings a run to its end whatever gets lost: compares what storage, leases and queue tell, and rings again.

Storage says what is done, leases say what is being done, the queue says what is still to be heard. A member that is
in none of them has been lost, with its message or with its worker, and is sent again. Several hosts may do so at once.
"""

import logging
import time
from collections.abc import Callable

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from deepchord.coordinator.reconciliation.resend_policy import MOST_FRUITLESS, Memory, Rung, due
from deepchord.coordinator.runs import evaluation_task_id, member_task_id, ring_evaluation, ring_member
from deepchord.shared.broker import KEY_PREFIX, Leases, ProgressBoard, connect_lazily, evaluation_lease, permanent_error
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE, create_app, queue_for, task_id
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, damaged_records, progress_count, set_record_aside

logger = logging.getLogger(__name__)

#: From the last member's end to the evaluation's beginning it takes less.
_EVALUATION_STARTS_WITHIN_S = 5.0
#: How often it is looked whether something was lost.
EVERY_S = 5.0
#: Messages are read from a queue in portions.
_PORTION = 1000

#: So many records at most are read in one look.
_READ_AT_ONCE = 500

#: Stands for the evaluation where a member has its index.
EVALUATION = -1


class Reconciler:
    """Looks after runs on one broker. Errors of the broker are left for the next look."""

    def __init__(self, settings: Settings, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Take where to look.

        Args:
            settings: With a broker.
            store: Shared storage.
            clock: Seconds.
        """
        self._store = store
        self._lease_s = settings.lease_s
        self._client = connect_lazily(settings)
        self._leases = Leases(self._client)
        self._board = ProgressBoard(self._client)
        self._app = _impatient_app(settings)
        self._clock = clock
        self._memories: dict[str, Memory] = {}

    def look_after(self, run: RunSpec) -> str | None:
        """Ring again what was lost of a run that has not ended.

        Returns:
            Why the run cannot go on although it was rung again and again; None as long as there is hope.

        Raises:
            StorageError: Storage does not answer.
            BrokerError: The broker refuses this user, or what it asks.
        """
        if self._store.is_cancelled(run.run_id):
            return None
        memory = self._memories.setdefault(run.run_id, Memory())
        recorded = self._recorded(run, memory)
        pending = [index for index in range(run.members) if index not in recorded]
        try:
            # Whether this user of the broker may ring at all is found out now, not when something has been lost.
            self._client.exists(_bell(run, EVALUATION))
            if pending:
                held = self._leases.held_members(run.run_id, pending)
                lost = self._lost(run, memory, [index for index in pending if index not in held])
                patience_s = self._lease_s
            else:
                remaining_s = self._leases.remaining_s(evaluation_lease(run.run_id))
                held = {} if remaining_s is None else {EVALUATION: remaining_s}
                heard = held or evaluation_task_id(run) in self._queued(QUEUE)
                lost = [] if heard else [EVALUATION]
                patience_s = _EVALUATION_STARTS_WITHIN_S
            in_vain = [
                part for part in due(memory, lost, held, self._clock(), patience_s) if not self._ring(run, memory, part)
            ]
            return self._verdict(run, in_vain) if in_vain and not held else None
        except (redis.RedisError, OperationalError) as error:
            refused = permanent_error(error)
            if refused is not None:
                raise refused from error
            logger.info("Run %s could not be looked after: %s.", run.run_id, error, extra={"run_id": run.run_id})
            return None

    def _recorded(self, run: RunSpec, memory: Memory) -> set[int]:
        """Return the members that have a record; one that is damaged is kept aside, and its member is trained again."""
        recorded = set(self._store.recorded_members(run.run_id))
        unread = sorted(recorded - memory.sound)[:_READ_AT_ONCE]
        damaged = set(damaged_records(self._store, run.run_id, unread))
        memory.sound.update(set(unread) - damaged)
        return recorded - {index for index in damaged if set_record_aside(self._store, run.run_id, index)}

    def _lost(self, run: RunSpec, memory: Memory, unheld: list[int]) -> list[int]:
        """Return the members that are neither held nor in the queue; the queue is read only if something seems lost."""
        queue = queue_for(run.require)
        now = self._clock()
        suspicious = (
            memory.held.keys() & set(unheld)
            or memory.lost_since
            or int(self._client.llen(_key(queue))) < len(unheld)
            # Other runs' messages and doubled ones may hide that some are missing.
            or memory.read_at is None
            or now - memory.read_at >= self._lease_s
        )
        if not unheld or not suspicious:
            return []
        memory.read_at = now
        queued = self._queued(queue)
        return [index for index in unheld if member_task_id(run.run_id, index) not in queued]

    def _queued(self, queue: str) -> set[str]:
        """Return the ids of the tasks that wait in a queue; one that moves meanwhile may be missed or seen twice."""
        found: set[str] = set()
        for start in range(0, int(self._client.llen(_key(queue))), _PORTION):
            messages = self._client.lrange(_key(queue), start, start + _PORTION - 1)
            found.update(filter(None, map(task_id, messages)))
        return found

    def _ring(self, run: RunSpec, memory: Memory, part: int) -> bool:
        """Send a part again; False if that was done often enough without its coming any further."""
        is_evaluation, now = part == EVALUATION, self._clock()
        stored = self._store.evaluation(run) if is_evaluation else self._store.member(run.run_id, part)
        # An attempt that was handed over may have met with what the next one will meet with, too: a full storage, say.
        reached = progress_count(stored.attempts())
        rung = memory.rung.get(part, Rung(progress=reached, times=0, at=now))
        if rung.is_fruitless(reached, now):
            return False
        # Whoever else looks after this run leaves it at that for the length of a lease.
        if not self._client.set(_bell(run, part), "", nx=True, px=int(self._lease_s * 1000)):
            return True
        memory.rung[part] = rung.again(reached, now)
        what = "evaluation" if is_evaluation else f"member {part}"
        logger.info("The %s of run %s was lost and is sent again.", what, run.run_id, extra={"run_id": run.run_id})
        if is_evaluation:
            ring_evaluation(self._app, run)
        else:
            ring_member(self._app, run, part)
        return True

    def _verdict(self, run: RunSpec, in_vain: list[int]) -> str:
        notes = self._board.troubles(run.run_id)
        troubles = [f"member {index}: {note}" for index, note in sorted(notes.items())]
        evaluation = self._board.evaluation_trouble(run)
        told = "; ".join(troubles if evaluation is None else [*troubles, f"the evaluation: {evaluation}"])
        members = ", ".join(str(part) for part in in_vain)
        what = "evaluation was" if EVALUATION in in_vain else f"members {members} were"
        return f"its {what} sent {MOST_FRUITLESS} times in vain ({told or 'the logs of the workers tell more'})"


def _impatient_app(settings: Settings) -> Celery:
    """Return an application that asks once; ours else asks until the broker is back, however long that takes."""
    app = create_app(settings)
    app.conf.result_backend_always_retry = False
    app.conf.task_publish_retry = False
    return app


def _bell(run: RunSpec, part: int) -> str:
    return f"{KEY_PREFIX}bell:{run.run_id}:{part}"


def _key(queue: str) -> str:
    return f"{KEY_PREFIX}{queue}"
