"""What the broker is told of runs, so that workers can choose between them; storage is the record of it."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import redis
from pydantic import PositiveInt

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.shares import Share
from deepchord.shared.validation import Message

logger = logging.getLogger(__name__)

#: Hashes by the ids of runs: the share and the number of members; how long the last member was trained.
SHARES = f"{KEY_PREFIX}deepchord.shares"
SECONDS = f"{KEY_PREFIX}deepchord.seconds"
#: They are forgotten if nobody has trained anything for so long.
_KEEP_S = 30 * 24 * 3600


class _Entry(Message):
    share: Share
    members: PositiveInt


@dataclass(frozen=True, kw_only=True)
class KnownShare:
    """What the broker was told of a run."""

    share: Share
    #: None: nothing was told.
    members: int | None


class ShareBoard:
    """The shares of all runs in the broker."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def publish(self, run_id: str, share: Share, members: int) -> None:
        """Tell the share of a run, and how many members it has; raise `redis.RedisError` if the broker is away."""
        self._client.hset(SHARES, run_id, _Entry(share=share, members=members).model_dump_json())
        self._client.expire(SHARES, _KEEP_S)

    def is_published(self, run_id: str) -> bool:
        """Return whether the broker knows the share of a run; raise `redis.RedisError` if it is away."""
        return bool(self._client.hexists(SHARES, run_id))

    def seconds(self, run_ids: Sequence[str]) -> dict[str, float]:
        """Return how long the last member of each run was trained, of those that told; see `publish` for errors."""
        if not run_ids:
            return {}
        told = zip(run_ids, self._client.hmget(SECONDS, list(run_ids)), strict=True)
        known = {run_id: decode_seconds(value) for run_id, value in told if value is not None}
        return {run_id: seconds for run_id, seconds in known.items() if seconds is not None}

    def note_seconds(self, run_id: str, seconds: float) -> None:
        """Tell how long a member of a run was trained; if the broker is away, nobody learns it."""
        with suppress(redis.RedisError):
            self._client.hset(SECONDS, run_id, f"{seconds:.3f}")
            self._client.expire(SECONDS, _KEEP_S)

    def forget(self, run_id: str) -> None:
        """Remove a run that has ended; if the broker is away, its entry stays until all are forgotten."""
        with suppress(redis.RedisError):
            self._client.hdel(SHARES, run_id)
            self._client.hdel(SECONDS, run_id)


def decode_seconds(data: bytes | str) -> float | None:
    """Return the seconds of an entry; None if it is missing or no entry."""
    try:
        seconds = float(data)
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def decode_share(data: bytes | str) -> KnownShare:
    """Return what an entry tells; of one that is missing or no entry, that the run is as any other."""
    if data:
        try:
            entry = _Entry.decode(data, "the share of a run")
            return KnownShare(share=entry.share, members=entry.members)
        except MessageDecodeError as error:
            logger.warning("A run counts as any other: %s", error)
    return KnownShare(share=Share(), members=None)
