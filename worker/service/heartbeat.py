"""Says again and again that a worker is there, from a thread of its own."""

import logging
import os
import threading
from datetime import UTC, datetime

import redis

from deepchord.shared.broker import KEEP_S, WorkerBoard, WorkerNote, state_of
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version
from deepchord.worker.engines import Device

logger = logging.getLogger(__name__)

_EVERY_S = KEEP_S / 6


class Heartbeat:
    """Begins with `start`, ends with `stop`; Celery tells of a broker that is away, this of one that is of no use."""

    def __init__(
        self, board: WorkerBoard, *, worker: str, name: str, host: str, engine: str, device: Device | None
    ) -> None:
        self._board = board
        self._note = WorkerNote(
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
        self._thread = threading.Thread(target=self._announce_until_stopped, name="announcement", daemon=True)

    def start(self) -> None:
        """Say it from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Say that the worker is gone."""
        if not self._thread.is_alive():  # the worker ends before it was ready
            return
        self._stopped.set()
        self._thread.join()
        try:
            self._board.withdraw(self._note.worker)
        except redis.RedisError as error:
            logger.info("The broker could not be told that this worker is gone: %s.", error)

    def _announce_until_stopped(self) -> None:
        told: str | None = None
        while True:
            try:
                self._board.announce(self._note)
                told = None
            except redis.RedisError as error:
                logger.debug("The broker could not be told that this worker is there: %s.", error)
                state = state_of(error, {})
                if state is not None and state.text != told:
                    logger.error("This worker waits, for the broker %s.", state.text)
                    told = state.text
            if self._stopped.wait(_EVERY_S):
                return
