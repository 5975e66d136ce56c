"""Where workers say that they are there, and what they are at; in Redis, and gone soon after the worker is."""

import logging
from dataclasses import dataclass

import redis
from pydantic import AwareDatetime
from pydantic_core import from_json

from deepchord.shared.broker.connection import KEY_PREFIX, text_of
from deepchord.shared.broker.leases import at_work, leased_member
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.validation import Message

logger = logging.getLogger(__name__)

#: A worker that has not been heard of for so long is no longer listed.
KEEP_S = 60

_WORKERS = f"{KEY_PREFIX}workers"


class WorkerNote(Message):
    """What a worker says of itself."""

    #: Unique for each start.
    worker: str
    #: As Celery and Flower call it.
    name: str
    host: str
    engine: str
    #: Its id, and what kind it is; None: not examined.
    device: str | None
    device_kind: str | None
    #: Of deepchord, and of its messages.
    version: str
    protocol: int
    process_id: int
    started_at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class WorkerLine:
    """A worker as the board has it."""

    note: WorkerNote
    #: Since its last sign of life, on the broker's clock.
    seen_s_ago: float
    #: The run and member that it is at, None for the member while it evaluates the run; None: it waits.
    at_work: tuple[str, int | None] | None
    #: After so long without renewal another worker may go on with that; 0 if it waits.
    lease_s: float = 0.0


class WorkerBoard:
    """The workers of all hosts. Every method raises `redis.RedisError` when the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def announce(self, note: WorkerNote) -> None:
        """Say that a worker is there; to be said again and again."""
        with self._client.pipeline(transaction=True) as both:
            both.set(_note_key(note.worker), note.model_dump_json(), px=KEEP_S * 1000)
            both.sadd(_WORKERS, note.worker)
            both.execute()

    def withdraw(self, worker: str) -> None:
        """Say that a worker is gone."""
        self._client.delete(_note_key(worker))
        self._client.srem(_WORKERS, worker)

    def lines(self) -> list[WorkerLine]:
        """Return the workers that were heard of lately, in the order of their names."""
        workers = sorted(text_of(worker) for worker in self._client.smembers(_WORKERS))
        if not workers:
            return []
        with self._client.pipeline(transaction=False) as pipeline:
            for worker in workers:
                pipeline.get(_note_key(worker))
                pipeline.pttl(_note_key(worker))
                pipeline.get(at_work(worker))
                pipeline.pttl(at_work(worker))
            answers = pipeline.execute()
        lines = []
        for number, worker in enumerate(workers):
            note, remaining_ms, lease, lease_ms = answers[4 * number : 4 * number + 4]
            if note is None:
                self._client.srem(_WORKERS, worker)
                continue
            line = _line(note, remaining_ms, lease, lease_ms)
            if line is not None:
                lines.append(line)
        return sorted(lines, key=lambda line: (line.note.host, line.note.name))


def _line(note: bytes | str, remaining_ms: int, lease: bytes | str | None, lease_ms: int) -> WorkerLine | None:
    try:
        return WorkerLine(
            note=_note(note),
            seen_s_ago=max(0.0, KEEP_S - remaining_ms / 1000),
            at_work=None if lease is None else leased_member(text_of(lease)),
            lease_s=max(0.0, lease_ms / 1000),
        )
    except MessageDecodeError as error:
        logger.warning("A worker was left out: %s", error)
        return None


def _note(data: bytes | str) -> WorkerNote:
    """Return what a worker says of itself, as far as it is understood: it may be of a newer version."""
    try:
        said = from_json(data)
    except ValueError as error:
        raise MessageDecodeError("What a worker says of itself is no JSON.") from error
    known = {name: said[name] for name in WorkerNote.model_fields if name in said} if isinstance(said, dict) else said
    return WorkerNote.parse(known, "What a worker says of itself")


def _note_key(worker: str) -> str:
    return f"{KEY_PREFIX}worker:{worker}"
