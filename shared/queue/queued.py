"""Which tasks are in a queue right now."""

import redis

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.queue.messages import task_id

#: How many messages are read from a queue at once.
_MESSAGES_AT_ONCE = 1000


def queue_length(client: redis.Redis, queue: str) -> int:
    """Return how many messages are in a queue."""
    return int(client.llen(_key(queue)))


def queued_task_ids(client: redis.Redis, queue: str) -> set[str]:
    """Return the ids of the tasks in a queue; a task that moves while it is read may be missed."""
    ids: set[str] = set()
    for start in range(0, queue_length(client, queue), _MESSAGES_AT_ONCE):
        messages = client.lrange(_key(queue), start, start + _MESSAGES_AT_ONCE - 1)
        ids.update(filter(None, map(task_id, messages)))
    return ids


def _key(queue: str) -> str:
    return f"{KEY_PREFIX}{queue}"
