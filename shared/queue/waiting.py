"""Looks at what waits in the queues, run by run, and takes one message out of their middle, by scripts in the broker.

The queues stay Celery's lists, from which workers of earlier versions take in the order of arrival. What is said here
of runs may be lost: every run then counts as a new one of normal priority.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis

from deepchord.shared.broker import KEY_PREFIX, as_text, count_training
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.queue.share_board import SECONDS, SHARES, decode_seconds, decode_share
from deepchord.shared.shares import Ledger, WaitingRun

logger = logging.getLogger(__name__)

#: The ledger of the fleet. Its name, as those of all keys here, is one that a worker's user of the broker may use.
_LEDGER = f"{KEY_PREFIX}deepchord.ledger"

#: Looks at queues. KEYS: the ledger, the shares, the seconds, the queues. ARGV: ids of tasks that are to be avoided.
#: Returns the ledger, and for each queue the message that has waited longest and is no member's, and its runs: for each
#: its id, how many messages it has, the id of the task that has waited longest (of those that are not avoided, if there
#: is one), whether all are avoided, its share and its seconds. The id of a task stands behind the body of a message,
#: which is base64, and before everything that could hold it once more.
_LOOK = """
local avoided = {}
for _, id in ipairs(ARGV) do avoided[id] = true end
local queues = {}
for number = 4, #KEYS do
  local first, runs, at = '', {}, {}
  for last = -1, -redis.call('LLEN', KEYS[number]), -100 do
    local messages = redis.call('LRANGE', KEYS[number], last - 99, last)
    for place = #messages, 1, -1 do
      local _, stop = string.find(messages[place], '"id": "', 1, true)
      local id = stop and string.match(messages[place], '^[^"]+', stop + 1) or ''
      local run = string.match(id, '^([a-z0-9-]+)%.member%-%d+$')
      if not run then
        if first == '' then first = messages[place] end
      else
        local known = at[run]
        if not known then
          known = {run, 0, id, 1}
          at[run] = known
          runs[#runs + 1] = known
        end
        known[2] = known[2] + 1
        if known[4] == 1 and not avoided[id] then known[3], known[4] = id, 0 end
      end
    end
  end
  for _, known in ipairs(runs) do
    known[5] = redis.call('HGET', KEYS[2], known[1]) or ''
    known[6] = redis.call('HGET', KEYS[3], known[1]) or ''
  end
  queues[#queues + 1] = {first, runs}
end
return {redis.call('GET', KEYS[1]) or '', queues}
"""

#: Takes a message out of a queue, unless the ledger has changed since it was read. KEYS: the ledger, the queue, the
#: list that the message goes to. ARGV: the ledger as it was and as it is to be, the id of the member's task or '', else
#: the message itself, and after how many milliseconds a message that nobody fetches is forgotten.
#: Returns 1 if it was taken.
_TAKE = """
local function find(sought)
  for last = -1, -redis.call('LLEN', KEYS[2]), -100 do
    local messages = redis.call('LRANGE', KEYS[2], last - 99, last)
    for place = #messages, 1, -1 do
      if string.find(messages[place], sought, 1, true) then return messages[place] end
    end
  end
end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local message = ARGV[4]
if ARGV[3] ~= '' then message = find('"id": "' .. ARGV[3] .. '"') end
if not message then return 0 end
-- First what a broker may refuse: it takes nothing back that a script has done.
redis.call('LPUSH', KEYS[3], message)
if redis.call('LREM', KEYS[2], -1, message) == 0 then
  redis.call('LPOP', KEYS[3])
  return 0
end
redis.call('PEXPIRE', KEYS[3], ARGV[5])
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
#: So long a suspended machine may sleep between taking a message and fetching it.
_KEEP_TAKEN_MS = 24 * 3600 * 1000


@dataclass(frozen=True, kw_only=True)
class WaitingTask:
    """The task of a run that has waited longest."""

    run: WaitingRun
    task_id: str
    #: Whether the run has other tasks than those that are to be avoided.
    is_fresh: bool


@dataclass(frozen=True, kw_only=True)
class Look:
    """What waits in some queues."""

    ledger: Ledger
    #: The ledger as the broker has it.
    raw_ledger: bytes
    #: Those of all queues, in each queue those that have waited longest first.
    tasks: tuple[WaitingTask, ...]
    #: In each queue that has any, the message that has waited longest and is no member's: an evaluation, as a rule.
    others: Mapping[str, bytes]


def look(client: redis.Redis, queues: Sequence[str], avoided: Collection[str] = ()) -> Look:
    """Return what waits in some queues.

    Args:
        client: A client of the broker.
        queues: The names of the queues.
        avoided: The ids of tasks that are to be taken only if nothing else waits.

    Raises:
        redis.RedisError: The broker does not answer, or lets this user not do so.
    """
    keys = (_LEDGER, SHARES, SECONDS, *(f"{KEY_PREFIX}{queue}" for queue in queues))
    raw, answers = client.eval(_LOOK, len(keys), *keys, *avoided)
    tasks: list[WaitingTask] = []
    others = {}
    for queue, (first, runs) in zip(queues, answers, strict=True):
        tasks.extend(_task(queue, row) for row in runs)
        if first:
            others[queue] = first
    return Look(ledger=_ledger(raw), raw_ledger=raw, tasks=tuple(_counted(client, tasks)), others=others)


def take_task(client: redis.Redis, seen: Look, ledger: Ledger, task: WaitingTask, taken: str) -> bool:
    """Move a task's message from its queue to a list; return False if the queues have changed since they were seen.

    Args:
        client: A client of the broker.
        seen: What `look` returned.
        ledger: The ledger that is to be kept from now on.
        task: One of the tasks that were seen.
        taken: The name of the list.
    """
    return _take(client, seen, ledger.model_dump_json(), (task.run.queue, task.task_id, b""), taken)


def take_other(client: redis.Redis, seen: Look, queue: str, taken: str) -> bool:
    """Do as `take_task` with the message of a queue that is no member's."""
    return _take(client, seen, seen.raw_ledger, (queue, "", seen.others[queue]), taken)


def _take(client: redis.Redis, seen: Look, ledger: str | bytes, message: tuple[str, str, bytes], taken: str) -> bool:
    queue, task_id, data = message
    keys = (_LEDGER, f"{KEY_PREFIX}{queue}", f"{KEY_PREFIX}{taken}")
    return bool(client.eval(_TAKE, len(keys), *keys, seen.raw_ledger, ledger, task_id, data, _KEEP_TAKEN_MS))


def _task(queue: str, row: Sequence[Any]) -> WaitingTask:
    run_id, waiting, task_id, avoided, share, seconds = row
    known = decode_share(share)
    run = WaitingRun(
        run_id=as_text(run_id),
        queue=queue,
        waiting=int(waiting),
        share=known.share,
        members=known.members,
        seconds=decode_seconds(seconds),
    )
    return WaitingTask(run=run, task_id=as_text(task_id), is_fresh=not avoided)


def _counted(client: redis.Redis, tasks: Sequence[WaitingTask]) -> list[WaitingTask]:
    """Return tasks with the number of members in training, where their runs have a limit."""
    limited = [task.run.run_id for task in tasks if task.run.share.most_workers is not None]
    training = count_training(client, limited)
    return [replace(task, run=replace(task.run, training=training.get(task.run.run_id, 0))) for task in tasks]


def _ledger(raw: bytes | str) -> Ledger:
    try:
        return Ledger.decode(raw, "the ledger") if raw else Ledger()
    except MessageDecodeError as error:  # of another version, or nobody's of ours
        logger.info("The accounts of all runs begin anew: %s", error)
        return Ledger()
