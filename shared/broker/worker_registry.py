"""The list of all workers and what each one is doing, in Redis; an entry expires soon after its worker ends."""

import logging
from dataclasses import dataclass

import redis
from pydantic import AwareDatetime
from pydantic_core import from_json

from deepchord.shared.broker.connection import KEY_PREFIX, as_text
from deepchord.shared.broker.leases import at_work_key, parse_lease_name
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.validation import ExtendedMessage

logger = logging.getLogger(__name__)

#: A worker that has sent no heartbeat for this long is no longer listed.
WORKER_TTL_S = 60

_WORKERS = f"{KEY_PREFIX}workers"


class WorkerInfo(ExtendedMessage):
    """What a worker reports about itself in each heartbeat."""

    added_fields = ("waits_for",)

    #: Unique for each start of a worker.
    worker: str
    #: The worker's name in Celery and Flower.
    name: str
    host: str
    engine: str
    #: The id of the device, and its kind; None: the device was not examined.
    device: str | None
    device_kind: str | None
    #: The version of deepchord, and of its messages.
    version: str
    protocol: int
    process_id: int
    started_at: AwareDatetime
    #: Until when it takes no members, such as `until 19:00`; None: it takes them.
    waits_for: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """A worker in the registry, with what it is doing now."""

    info: WorkerInfo
    #: Seconds since its last heartbeat, on the broker's clock.
    seen_s_ago: float
    #: The run and member that the worker trains; the member is None while it evaluates the run. None: it waits.
    at_work: tuple[str, int | None] | None
    #: After this time without renewal another worker may take over; 0 if the worker waits.
    lease_s: float = 0.0


class WorkerRegistry:
    """The workers of all hosts. Every method raises `redis.RedisError` when the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def register(self, info: WorkerInfo) -> None:
        """List a worker for the next `WORKER_TTL_S` seconds; each heartbeat calls this again."""
        with self._client.pipeline(transaction=True) as both:
            both.set(_info_key(info.worker), info.model_dump_json(), px=WORKER_TTL_S * 1000)
            both.sadd(_WORKERS, info.worker)
            both.execute()

    def unregister(self, worker: str) -> None:
        """Remove a worker from the list."""
        self._client.delete(_info_key(worker))
        self._client.srem(_WORKERS, worker)

    def statuses(self) -> list[WorkerStatus]:
        """Return the listed workers, sorted by host and name."""
        workers = sorted(as_text(worker) for worker in self._client.smembers(_WORKERS))
        if not workers:
            return []
        with self._client.pipeline(transaction=False) as pipeline:
            for worker in workers:
                pipeline.get(_info_key(worker))
                pipeline.pttl(_info_key(worker))
                pipeline.get(at_work_key(worker))
                pipeline.pttl(at_work_key(worker))
            answers = pipeline.execute()
        statuses = []
        for number, worker in enumerate(workers):
            info, remaining_ms, lease, lease_ms = answers[4 * number : 4 * number + 4]
            if info is None:
                self._client.srem(_WORKERS, worker)
                continue
            status = _status(info, remaining_ms, lease, lease_ms)
            if status is not None:
                statuses.append(status)
        return sorted(statuses, key=lambda status: (status.info.host, status.info.name))


def _status(info: bytes | str, remaining_ms: int, lease: bytes | str | None, lease_ms: int) -> WorkerStatus | None:
    try:
        return WorkerStatus(
            info=_decode_info(info),
            seen_s_ago=max(0.0, WORKER_TTL_S - remaining_ms / 1000),
            at_work=None if lease is None else parse_lease_name(as_text(lease)),
            lease_s=max(0.0, lease_ms / 1000),
        )
    except MessageDecodeError as error:
        logger.warning("A worker was left out: %s", error)
        return None


def _decode_info(data: bytes | str) -> WorkerInfo:
    """Return what a worker reports about itself. Unknown fields are ignored: the worker may have a newer version."""
    try:
        values = from_json(data)
    except ValueError as error:
        raise MessageDecodeError("What a worker says of itself is no JSON.") from error
    if isinstance(values, dict):
        values = {name: values[name] for name in WorkerInfo.model_fields if name in values}
    return WorkerInfo.parse(values, "What a worker says of itself")


def _info_key(worker: str) -> str:
    return f"{KEY_PREFIX}worker:{worker}"
