"""The one poller: reads storage and brokers for all viewers, and wakes them when something has changed."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from deepchord.coordinator.dashboard.board import Board, event
from deepchord.coordinator.dashboard.encoding import encode
from deepchord.coordinator.dashboard.fleet import Fleet
from deepchord.coordinator.dashboard.run_index import RunIndex
from deepchord.coordinator.dashboard.watched_run import WatchedRun
from deepchord.shared.errors import StorageError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

#: The pause between two looks while somebody looks, and while nobody does.
_PAUSE_S, _IDLE_PAUSE_S = 0.7, 30.0
#: A look reads new runs for so long before it shows what it has.
_MOST_READING_S = 0.3
#: A viewer hears at least this often that the server is there.
_BEAT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What one look found."""

    runs: dict[str, bytes]
    common: dict[str, bytes]
    parts: dict[str, dict[str, bytes] | None]
    #: How many runs the next look can read at once; 0 while storage is away.
    pending: int


class Poller:
    """Looks again and again, in a thread, and keeps the board that viewers read."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        """Create a poller; nothing is read before `run`.

        Args:
            settings: Where broker, storage and cache are; without a broker it tells what storage holds.
            store: Shared storage, without retries: viewers wait for it.
        """
        self._settings = settings
        self._store = store
        self._fleet = Fleet(settings=settings, store=store)
        self._index = RunIndex(store)
        self._watched: dict[str, WatchedRun] = {}
        #: What the list told of a watched run when that was last read.
        self._told: dict[str, bytes | None] = {}
        self._viewed: Counter[str] = Counter()
        #: How many look.
        self.viewers = 0
        self._board = Board()
        self._news = asyncio.Event()
        self._asked = asyncio.Event()
        #: Runs that this server has changed.
        self._changed: set[str] = set()
        self._is_stopping = False

    async def run(self) -> None:
        """Look until stopped; an unexpected error is logged, and the next look tries again."""
        while not self._is_stopping:
            self._asked.clear()
            pending = 0
            try:
                pending = await self._look()
            except Exception:  # whatever it is: without the poller the page would stand still for all viewers
                logger.exception("A look at storage and brokers failed; the next one follows.")
            if pending == 0:
                await self._pause(_PAUSE_S if self.viewers else _IDLE_PAUSE_S)

    def ask(self, *run_ids: str) -> None:
        """Have the poller look at once, and read these runs again."""
        self._changed.update(run_ids)
        self._asked.set()

    def stop(self) -> None:
        """End all streams of events and look no more; may be called from a signal handler."""
        self._is_stopping = True

    def close(self) -> None:
        """End the threads that read."""
        self._index.close()

    @contextmanager
    def viewing(self, run_id: str | None) -> Iterator[None]:
        """Count a viewer, and what it looks at, for the length of a block."""
        looked_at = [] if run_id is None else [run_id]
        self.viewers += 1
        self._viewed.update(looked_at)
        self.ask()
        try:
            yield
        finally:
            self.viewers -= 1
            self._viewed.subtract(looked_at)

    async def events(self, run_id: str | None) -> AsyncIterator[bytes]:
        """Yield server-sent events: all that is known, and then what changes."""
        seen, beat = 0, asyncio.get_running_loop().time()
        yield b"retry: 2000\n\n"
        yield event("hello", encode({"now": datetime.now(UTC)}))
        while not self._is_stopping:
            version = self._board.version
            for message in self._board.news(seen, run_id):
                yield message
            seen = version
            if asyncio.get_running_loop().time() - beat > _BEAT_S:
                beat = asyncio.get_running_loop().time()
                yield b": beat\n\n"
            await self._wait(version)

    async def _wait(self, version: int) -> None:
        """Wait until there are news, for a second at most: the server may be told to stop meanwhile."""
        if self._board.version == version:
            try:
                async with asyncio.timeout(1.0):
                    await self._news.wait()
            except TimeoutError:
                return

    async def _pause(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _look(self) -> int:
        """Look once; return how many runs are still to be read."""
        viewed, changed = frozenset(+self._viewed), frozenset(self._changed)
        self._changed.clear()
        found = await asyncio.to_thread(self._read, viewed, changed)
        if self._board.update(found.runs, found.common, found.parts):
            self._news.set()
            self._news = asyncio.Event()
        return found.pending

    def _read(self, viewed: frozenset[str], changed: frozenset[str]) -> _Found:
        fleet = self._fleet.look()
        trouble = None
        moving = {run_id for run_id in viewed | fleet.at_work if not self._index.has_ended(run_id)}
        try:
            self._index.refresh(changed | moving, _MOST_READING_S)
        except StorageError as error:
            trouble = str(error)
        runs = {run_id: line.data for run_id, line in self._index.lines.items()}
        state = {
            "storage": self._store.objects.url,
            "total": len(runs) + self._index.pending,
            "pending": self._index.pending,
            "trouble": trouble,
            "broker_trouble": fleet.trouble,
        }
        self._watched = {run_id: self._watched_run(run_id) for run_id in viewed}
        parts = {run_id: self._parts(run_id, runs.get(run_id)) for run_id in viewed}
        return _Found(
            runs=runs,
            common={"state": encode(state), "workers": encode(fleet.workers)},
            parts=parts,
            pending=0 if trouble else self._index.pending,
        )

    def _watched_run(self, run_id: str) -> WatchedRun:
        if run_id in self._watched:
            return self._watched[run_id]
        self._told.pop(run_id, None)
        return WatchedRun(self._settings, self._store, run_id)

    def _parts(self, run_id: str, told: bytes | None) -> dict[str, bytes] | None:
        is_news = run_id not in self._told or self._told[run_id] != told
        self._told[run_id] = told
        return self._watched[run_id].look(self._fleet.client_for(run_id), is_news=is_news)
