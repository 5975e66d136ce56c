"""Who works on what right now: one lease for each member, evaluation and study, on the broker's clock.

A lease avoids double work; it does not protect the result. A worker that trains without a lease wastes its time at
worst, because a record is created only once. So leases may be lost with the broker's memory at any time.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import redis

from deepchord.shared.broker.connection import KEY_PREFIX, as_text
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.validation import Message

#: Takes or renews a lease. KEYS: the lease, the key that holds what the holder's worker is doing, and, of a run with a
#: limit, the set of the leases that its members have. ARGV: the holder, the duration in milliseconds, a holder that may
#: be replaced, and the limit.
#: Returns nothing if the caller has the lease now, otherwise its holder and the remaining milliseconds; if the limit is
#: reached, `-` and the milliseconds until the first of those leases ends unless it is renewed.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] and string.sub(holder, 1, 1) ~= '-' then
  return {holder, redis.call('PTTL', KEYS[1])}
end
if KEYS[3] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if not redis.call('ZSCORE', KEYS[3], KEYS[1]) and redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then
    return {'-', redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2] - now}
  end
  redis.call('ZADD', KEYS[3], now + ARGV[2], KEYS[1])
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], KEYS[1], 'PX', ARGV[2])
return false
"""

#: Gives up a lease. KEYS: as above. ARGV: the holder, and for how many milliseconds the lease stays visible (0: none).
_RELEASE = """
if redis.call('GET', KEYS[2]) == KEYS[1] then redis.call('DEL', KEYS[2]) end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if KEYS[3] then redis.call('ZREM', KEYS[3], KEYS[1]) end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], '-', 'PX', ARGV[2])
return 1
"""

#: The holder renews its lease at least this often, and so learns soon if the lease was lost.
RENEWAL_INTERVAL_S = 5.0

#: How many keys are read at once, so that the broker has time for other clients in between.
_BATCH = 1000


class Holder(Message):
    """The holder of a lease: one attempt in one process of one worker."""

    #: Unique for each start of a worker.
    worker: str
    process_id: int
    #: Unique each time a lease is taken.
    token: str


@dataclass(frozen=True, kw_only=True)
class HeldLease:
    """A lease that somebody else has."""

    #: None if the stored holder cannot be read.
    holder: Holder | None
    #: The holder as the broker stores it.
    raw: str
    remaining_s: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most so many members of a run may have a lease at once."""

    run_id: str
    members: int


class Leases:
    """The leases of all runs. Every method raises `redis.RedisError` when the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def hold(
        self,
        name: str,
        holder: Holder,
        ttl_s: float,
        instead_of: HeldLease | None = None,
        limit: Limit | None = None,
    ) -> HeldLease | None:
        """Take or renew a lease; return the lease of another holder, or None if the caller has it now.

        Args:
            name: From `member_lease`, `evaluation_lease` or `study_lease`.
            holder: The caller.
            ttl_s: After this time without renewal anybody may take it.
            instead_of: The result of an earlier call whose holder is known to be gone; it is replaced.
            limit: If as many other members of the run have leases, this one is refused, too; None: there is no limit.
        """
        replaced = "" if instead_of is None else instead_of.raw
        keys = _keys(name, holder, limit)
        most = 0 if limit is None else limit.members
        answer = self._client.eval(_HOLD, len(keys), *keys, holder.model_dump_json(), int(ttl_s * 1000), replaced, most)
        if answer is None:
            return None
        raw = as_text(answer[0])
        return HeldLease(holder=_holder(raw), raw=raw, remaining_s=max(0.0, answer[1] / 1000))

    def release(self, name: str, holder: Holder, rest_s: float = 0.0, limit: Limit | None = None) -> None:
        """Give up a lease if the caller still has it; `held_members` reports it as held for another `rest_s`."""
        keys = _keys(name, holder, limit)
        self._client.eval(_RELEASE, len(keys), *keys, holder.model_dump_json(), str(int(rest_s * 1000)))

    def held_members(self, run_id: str, indices: Iterable[int]) -> dict[int, float]:
        """Return which of these members are held, or were a moment ago, and for how many more seconds at least."""
        wanted = list(indices)
        seconds_left: dict[int, float] = {}
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            pipeline = self._client.pipeline(transaction=False)
            for index in batch:
                pipeline.pttl(member_lease(run_id, index))
            times = zip(batch, pipeline.execute(), strict=True)
            seconds_left.update({index: milliseconds / 1000 for index, milliseconds in times if milliseconds >= 0})
        return seconds_left

    def remaining_s(self, name: str) -> float | None:
        """Return for how many more seconds this lease is held at least; None if nobody has it."""
        milliseconds = int(self._client.pttl(name))
        return milliseconds / 1000 if milliseconds >= 0 else None


def count_training(client: redis.Redis, run_ids: Sequence[str]) -> dict[str, int]:
    """Return how many members of each run have a lease; of runs with a limit only."""
    if not run_ids:
        return {}
    seconds, microseconds = client.time()
    now = seconds * 1000 + microseconds // 1000
    with client.pipeline(transaction=False) as pipeline:
        for run_id in run_ids:
            pipeline.zcount(_training_key(run_id), now, "+inf")
        return dict(zip(run_ids, map(int, pipeline.execute()), strict=True))


def member_lease(run_id: str, index: int) -> str:
    """Return the name of the lease of a member."""
    return f"{KEY_PREFIX}lease:{run_id}:{index}"


def evaluation_lease(run_id: str) -> str:
    """Return the name of the lease of the evaluation."""
    return f"{KEY_PREFIX}lease:{run_id}:evaluation"


def study_lease(run_id: str, name: str) -> str:
    """Return the name of the lease of a study."""
    return f"{KEY_PREFIX}lease:{run_id}:study-{name}"


def at_work_key(worker: str) -> str:
    """Return the key under which a worker stores the name of the lease that it has."""
    return f"{KEY_PREFIX}at-work:{worker}"


def parse_lease_name(name: str) -> tuple[str, int | None] | None:
    """Return the run and member of a lease; the member is None for an evaluation or a study of the run.

    None: it is no name of a lease.
    """
    work = r"[0-9]{1,9}|evaluation|study-[a-z0-9-]+"
    match = re.fullmatch(rf"{re.escape(KEY_PREFIX)}lease:([a-z0-9-]+):({work})", name)
    if match is None:
        return None
    return match[1], int(match[2]) if match[2].isdecimal() else None


def _keys(name: str, holder: Holder, limit: Limit | None) -> tuple[str, ...]:
    keys = (name, at_work_key(holder.worker))
    return keys if limit is None else (*keys, _training_key(limit.run_id))


def _training_key(run_id: str) -> str:
    return f"{KEY_PREFIX}lease:{run_id}:training"


def _holder(raw: str) -> Holder | None:
    try:
        return Holder.decode(raw, "a lease")
    except MessageDecodeError:
        return None
