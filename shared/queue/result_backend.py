"""Celery's Redis result backend without subscriptions: deepchord waits for no Celery result, it reads storage."""

from typing import Any

from celery.backends.redis import RedisBackend, ResultConsumer


class _IdleConsumer(ResultConsumer):  # type: ignore[misc]  # Celery has no types
    """Subscribes to nothing; Celery's own consumer subscribes to the result of every member."""

    def start(self, initial_task_id: str, **_options: Any) -> None:
        """Do nothing."""

    def consume_from(self, task_id: str) -> None:
        """Do nothing."""

    def cancel_for(self, task_id: str) -> None:
        """Do nothing."""


class UnwatchedRedisBackend(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """Keeps task states and counts chords as Celery's own backend does; to wait for a result would take forever."""

    ResultConsumer = _IdleConsumer


#: With this prefix before the broker's URL, Celery uses this backend.
SCHEME = f"{__name__}:{UnwatchedRedisBackend.__name__}+"
