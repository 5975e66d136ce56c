"""The order in which a worker takes messages: evaluations first, then that of the run whose turn it is."""

import logging
import time
from collections.abc import Callable, Sequence

import redis

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.queue.waiting import look, take_other, take_task
from deepchord.shared.settings import worker_id
from deepchord.shared.shares import book, choose

logger = logging.getLogger(__name__)

#: A task that is back so soon after this worker took it is left as long as others wait, so that they have their turn.
_BACK_WITHIN_S = 30.0
#: How often a worker chooses anew when another one was faster.
_MAX_TRIES = 50


class FairOrder:
    """Moves the message that a worker is to take next from its queue to a list of the worker's own."""

    def __init__(self, client: redis.Redis, separator: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Create an order; nothing is read yet.

        Args:
            client: A client of the broker.
            separator: What stands between the name of a queue and the rest of the name of a list that belongs to it.
            clock: Returns seconds.
        """
        self._client = client
        self._separator = separator
        self._clock = clock
        #: When this worker took each task, lately.
        self._taken_at: dict[str, float] = {}
        self._has_complained = False

    def own_list(self, queue: str) -> str:
        """Return the name of the list that messages of a queue are moved to."""
        return f"{queue}{self._separator}taken-{worker_id()}"

    def prepare(self, queues: Sequence[str]) -> bool:
        """Move the message that is to be taken next; return whether the own lists are to be read, not the queues.

        They are read without any message in them, too, if nothing that waits may be trained now. The queues are read if
        they are empty, so that whatever comes is taken at once, and if the broker does not let this user choose.

        Raises:
            redis.ConnectionError, redis.TimeoutError: The broker does not answer.
        """
        try:
            return self._prepare(queues)
        except redis.ResponseError as error:  # a right that is missing, or the memory is full
            if not self._has_complained:
                logger.warning("Members are taken in the order of their arrival, not by shares: %s.", error)
            self._has_complained = True
            return False

    def _prepare(self, queues: Sequence[str]) -> bool:
        if self._client.exists(*(f"{KEY_PREFIX}{self.own_list(queue)}" for queue in queues)):
            return True  # taken before the connection was lost
        now = self._clock()
        self._taken_at = {task_id: at for task_id, at in self._taken_at.items() if now - at < _BACK_WITHIN_S}
        for _ in range(_MAX_TRIES):
            moved = self._move(queues)
            if moved is not None:
                return moved
        return False

    def _move(self, queues: Sequence[str]) -> bool | None:
        """Do as `prepare`; return None if another worker was faster."""
        seen = look(self._client, queues, list(self._taken_at))
        for queue in seen.others:
            return take_other(self._client, seen, queue, self.own_list(queue)) or None
        if not seen.tasks:
            return False
        ledger = book(seen.ledger, queues, [task.run for task in seen.tasks])
        accounts, tasks = ledger.of(queues), {task.run.run_id: task for task in seen.tasks}
        chosen = choose(accounts, {run_id for run_id, task in tasks.items() if task.is_fresh}) or choose(accounts)
        if chosen is None:
            return True
        task = tasks[chosen]
        if not take_task(self._client, seen, ledger, task, self.own_list(task.run.queue)):
            return None
        self._taken_at[task.task_id] = self._clock()
        return True
