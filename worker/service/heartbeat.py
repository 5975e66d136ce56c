"""Publishes at intervals that a worker is alive, from a thread of its own."""

import logging
import os
import threading
from datetime import UTC, datetime

import redis

from deepchord.shared.broker import WORKER_TTL_S, WorkerInfo, WorkerRegistry, broker_state
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version
from deepchord.worker.engines import Device

logger = logging.getLogger(__name__)

_EVERY_S = WORKER_TTL_S / 6


class Heartbeat:
    """Runs from `start` to `stop`. Celery logs a broker that does not answer; this class logs one that is unusable."""

    def __init__(
        self, board: WorkerRegistry, *, worker: str, name: str, host: str, engine: str, device: Device | None
    ) -> None:
        self._board = board
        self._note = WorkerInfo(
            worker=worker,
            name=name,
            host=host,
            engine=engine,
            device=None if device is None else device.id,
            device_kind=None if device is None else device.kind,
            version=version(),
            protocol=PROTOCOL,
            process_id=os.getpid(),
            started_at=datetime.now(UTC),
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._publish_until_stopped, name="heartbeat", daemon=True)

    def say(self, waits_for: str) -> None:
        """Publish from now on what this worker waits for."""
        self._note = self._note.model_copy(update={"waits_for": waits_for})

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self) -> None:
        """End, and remove this worker from the registry."""
        if not self._thread.is_alive():  # the worker stops before it was ready
            return
        self._stopped.set()
        self._thread.join()
        try:
            self._board.unregister(self._note.worker)
        except redis.RedisError as error:
            logger.info("This worker could not be removed from the registry: %s.", error)

    def _publish_until_stopped(self) -> None:
        logged: str | None = None
        while True:
            try:
                self._board.register(self._note)
                logged = None
            except redis.RedisError as error:
                logger.debug("The heartbeat could not be published: %s.", error)
                state = broker_state(error, {})
                if state is not None and state.text != logged:
                    logger.error("This worker waits, for the broker %s.", state.text)
                    logged = state.text
            if self._stopped.wait(_EVERY_S):
                return
