"""Celery's Redis results without the subscriptions: nobody in deepchord waits for a result, storage is the record."""

from typing import Any

from celery.backends.redis import RedisBackend, ResultConsumer


class _IdleConsumer(ResultConsumer):  # type: ignore[misc]  # Celery has no types
    """Subscribes to nothing; Celery would subscribe to the result of every single member."""

    def start(self, initial_task_id: str, **_options: Any) -> None:
        """Do nothing."""

    def consume_from(self, task_id: str) -> None:
        """Do nothing."""

    def cancel_for(self, task_id: str) -> None:
        """Do nothing."""


class UnwatchedRedisBackend(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """Keeps states and counts chords as Celery's own; waiting for a result would wait forever."""

    ResultConsumer = _IdleConsumer


#: Put before a broker's URL, it makes Celery use this backend.
SCHEME = f"{__name__}:{UnwatchedRedisBackend.__name__}+"
