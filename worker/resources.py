"""What one worker process keeps open for its whole life: storage, broker, engine, the last data set."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

import redis

from deepchord.shared.broker import Leases, ProgressBoard, WorkerRegistry, connect_lazily
from deepchord.shared.checkpoints import Weights, decode_checkpoint
from deepchord.shared.datasets import Dataset, load_dataset
from deepchord.shared.messages import AttemptNote, DatasetInfo, InitialWeights, Trainer
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.queue import ShareBoard
from deepchord.shared.settings import Settings, allowance_folder, worker_id
from deepchord.shared.storage import RunStore
from deepchord.worker.allowance import Allowance
from deepchord.worker.engines import Engine, open_configured_engine


class Resources:
    """Storage, broker and engine; each is opened when it is first used, so that a waiting worker costs little."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: Set when this worker was told to stop; training ends at the next batch.
        self.leaving = threading.Event()
        #: Whether this very process got a SIGTERM.
        self.terminated = False
        #: Whether this process works on a member or an evaluation now.
        self.is_busy = False
        self._dataset: tuple[DatasetInfo, Dataset] | None = None
        self._initial: tuple[str, Weights] | None = None

    @cached_property
    def store(self) -> RunStore:
        """Shared storage."""
        return RunStore.open(self.settings)

    @cached_property
    def broker(self) -> redis.Redis:
        """The client of the broker; if the storage is the broker, the store has a second one, with longer timeouts.

        It connects when it is first used. Threads that use it at the same time get a connection each. A forked process
        drops the connections of its parent.
        """
        return connect_lazily(self.settings)

    @cached_property
    def board(self) -> ProgressBoard:
        """Where this worker publishes the progress of members, for the live view."""
        return ProgressBoard(self.broker)

    @cached_property
    def shares(self) -> ShareBoard:
        """Where this worker tells how long members of a run are trained, so that workers can choose between runs."""
        return ShareBoard(self.broker)

    @cached_property
    def leases(self) -> Leases:
        """The leases of members and evaluations."""
        return Leases(self.broker)

    @cached_property
    def workers(self) -> WorkerRegistry:
        """Where this worker publishes its heartbeat."""
        return WorkerRegistry(self.broker)

    @cached_property
    def worker_id(self) -> str:
        """Unique for each start of a worker."""
        return worker_id()

    @cached_property
    def allowance(self) -> Allowance | None:
        """How many members this worker may still train; None: as many as there are."""
        folder = allowance_folder()
        return None if folder is None else Allowance(folder)

    @cached_property
    def engine(self) -> Engine:
        """The engine of this process."""
        return open_configured_engine(self.settings)

    @cached_property
    def trainer(self) -> Trainer:
        """Host, engine and device of this process, for records."""
        return Trainer(
            host=self.settings.host,
            engine=self.engine.name,
            engine_version=self.engine.version,
            device=self.engine.device.id,
        )

    def evaluation_threads(self) -> int:
        """Return how many threads predict at the same time: the run's other workers on this host are idle then."""
        settings = self.settings
        if settings.threads is None or settings.evaluation_threads is None:
            return 1
        return max(1, min(self.engine.parallel_predictions(), settings.evaluation_threads // settings.threads))

    def attempt_note(self, worker: str) -> bytes:
        """Return the note about who makes an attempt, for people who look into storage and for later attempts.

        Args:
            worker: The name of this worker in Celery.
        """
        note = AttemptNote(host=self.settings.host, worker=worker, process_id=os.getpid(), started_at=datetime.now(UTC))
        return note.encode()

    @property
    def known_trainer(self) -> Trainer | None:
        """The trainer, or None if the engine is not open yet."""
        return self.__dict__.get("trainer")

    def initial_weights(self, info: InitialWeights, network: ResolvedArchitecture) -> Weights:
        """Return published weights that members start from; the last ones stay in memory until others are asked for.

        Raises:
            StorageError: Storage does not answer, or what it has is damaged.
            CheckpointError: They do not fit the network.
        """
        if self._initial is None or self._initial[0] != info.sha256:
            data = self.store.inputs.initial_weights(info.sha256)
            self._initial = info.sha256, decode_checkpoint(data, network, f"Initial weights {info.sha256[:12]}…")
        return self._initial[1]

    def dataset(self, info: DatasetInfo, advance: Callable[[], None] = lambda: None) -> Dataset:
        """Return a published data set; the last one stays in memory until another one is asked for.

        Args:
            info: Its description.
            advance: Called while a large one is fetched; may raise.
        """
        if self._dataset is None or self._dataset[0] != info:
            self._dataset = None  # frees its memory before the next one is loaded
            self._dataset = info, load_dataset(info, self.store, self.settings.cache, advance)
        return self._dataset[1]
