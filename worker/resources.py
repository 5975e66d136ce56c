"""What one worker process holds for its whole life: storage, broker, engine, the last data set."""

import os
import threading
from datetime import UTC, datetime
from functools import cached_property

import redis

from deepchord.shared.broker import Leases, ProgressBoard, WorkerBoard, connect_lazily
from deepchord.shared.datasets import Dataset, load_dataset
from deepchord.shared.messages import AttemptNote, DatasetInfo, Trainer
from deepchord.shared.settings import Settings, worker_id
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import Engine, open_configured_engine


class Resources:
    """Opened when first asked for, so that a worker that only waits costs little."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: Set when this worker was told to stop; training ends at the next batch.
        self.leaving = threading.Event()
        #: Whether it was by SIGTERM to this very process.
        self.terminated = False
        #: Whether a member is being trained, or an evaluation made.
        self.is_busy = False
        self._dataset: tuple[DatasetInfo, Dataset] | None = None

    @cached_property
    def store(self) -> RunStore:
        """Shared storage."""
        return RunStore.open(self.settings)

    @cached_property
    def broker(self) -> redis.Redis:
        """The only client of the broker in this process, but for one whose storage is the broker, which waits longer.

        It connects when it is first used. Each thread that uses it at the same time gets a connection of its own, and
        a process that was forked drops those of its parent.
        """
        return connect_lazily(self.settings)

    @cached_property
    def board(self) -> ProgressBoard:
        """Where the live view reads how far members are."""
        return ProgressBoard(self.broker)

    @cached_property
    def leases(self) -> Leases:
        """Who works at what."""
        return Leases(self.broker)

    @cached_property
    def workers(self) -> WorkerBoard:
        """Where this worker is listed."""
        return WorkerBoard(self.broker)

    @cached_property
    def worker_id(self) -> str:
        """Unique for each start of a worker."""
        return worker_id()

    @cached_property
    def engine(self) -> Engine:
        """The engine of this process."""
        return open_configured_engine(self.settings)

    @cached_property
    def trainer(self) -> Trainer:
        """Who this process is, for records."""
        return Trainer(
            host=self.settings.host,
            engine=self.engine.name,
            engine_version=self.engine.version,
            device=self.engine.device.id,
        )

    def attempt_note(self, worker: str) -> bytes:
        """Return who takes an attempt, for people who look into storage and for the next one who takes one.

        Args:
            worker: The name of this worker as Celery has it.
        """
        note = AttemptNote(host=self.settings.host, worker=worker, process_id=os.getpid(), started_at=datetime.now(UTC))
        return note.encode()

    @property
    def known_trainer(self) -> Trainer | None:
        """Who this process is, if its engine is open already."""
        return self.__dict__.get("trainer")

    def dataset(self, info: DatasetInfo) -> Dataset:
        """Return a published data set; the last one stays in memory until another one is asked for."""
        if self._dataset is None or self._dataset[0] != info:
            self._dataset = None  # two are never needed
            self._dataset = info, load_dataset(info, self.store, self.settings.cache)
        return self._dataset[1]
