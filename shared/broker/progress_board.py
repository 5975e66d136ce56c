"""The progress and the last trouble of each member, in Redis; all of it may be lost at any time without harm."""

import logging
import re
from contextlib import suppress

import redis

from deepchord.shared.broker.connection import KEY_PREFIX, as_text
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.messages import MemberProgress, RunSpec

logger = logging.getLogger(__name__)

_KEEP_S = 7 * 24 * 3600
#: For this long a member is kept away from the worker that it failed on, if there is another worker.
_AVOID_WORKER_S = 60
#: For this long after the last deferral it is known how often a worker has deferred a member to other workers.
_DEFERRALS_KEPT_S = 3600
#: The fields of the hashes are the indices of members.
_INDEX = re.compile("[0-9]{1,9}", re.ASCII)


class ProgressBoard:
    """The progress of all members of all runs; each member overwrites its own entry."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def publish(self, run_id: str, progress: MemberProgress) -> None:
        """Write the progress of a member; an error of the broker is only logged."""
        try:
            pipeline = self._client.pipeline()
            pipeline.hset(_key(run_id), str(progress.index), progress.model_dump_json())
            pipeline.expire(_key(run_id), _KEEP_S)
            pipeline.execute()
        except redis.RedisError as error:
            logger.info(
                "Progress of member %d could not be published: %s.",
                progress.index,
                error,
                extra={"run_id": run_id, "member": progress.index},
            )

    def report_trouble(self, run_id: str, index: int, text: str, failed_on: str | None = None) -> None:
        """Store a sentence about the last trouble of a member; an error of the broker is only logged.

        Args:
            run_id: The run.
            index: The member.
            text: The sentence.
            failed_on: The worker that the member is kept away from for a while, because it failed there; or None.
        """
        try:
            self._client.hset(_troubles_key(run_id), str(index), text)
            self._client.expire(_troubles_key(run_id), _KEEP_S)
            if failed_on is not None:
                self._client.set(_failed_key(run_id, index), failed_on, ex=_AVOID_WORKER_S)
        except redis.RedisError:
            logger.info("A note could not be published: %s", text, extra={"run_id": run_id, "member": index})

    def report_evaluation_trouble(self, run: RunSpec, text: str, failed_on: str) -> None:
        """Store a sentence about the last trouble of an evaluation, and the worker it failed on."""
        try:
            self._client.set(_evaluation_trouble_key(run), text, ex=_KEEP_S)
            self._client.set(_failed_key(run.run_id, None), failed_on, ex=_AVOID_WORKER_S)
        except redis.RedisError:
            logger.info("A note could not be published: %s", text, extra={"run_id": run.run_id})

    def evaluation_trouble(self, run: RunSpec) -> str | None:
        """Return the last trouble of an evaluation; None if it had none.

        Raises:
            redis.RedisError: The broker does not answer.
        """
        trouble = self._client.get(_evaluation_trouble_key(run))
        return None if trouble is None else as_text(trouble)

    def last_failed_on(self, run_id: str, index: int | None = None) -> str | None:
        """Return the worker that a member, or the evaluation, failed on a moment ago; None if none is known."""
        try:
            worker = self._client.get(_failed_key(run_id, index))
        except redis.RedisError:
            return None
        return None if worker is None else as_text(worker)

    def times_deferred(self, run_id: str, index: int, worker: str) -> int:
        """Return how often a worker has lately deferred a member to other workers; 0 if it is not known."""
        try:
            return int(self._client.get(_deferrals_key(run_id, index, worker)) or 0)
        except (redis.RedisError, ValueError):
            return 0

    def count_deferral(self, run_id: str, index: int, worker: str) -> None:
        """Count that a worker defers a member to other workers."""
        with suppress(redis.RedisError):
            self._client.incr(_deferrals_key(run_id, index, worker))
            self._client.expire(_deferrals_key(run_id, index, worker), _DEFERRALS_KEPT_S)

    def forget_deferrals(self, run_id: str, index: int, worker: str) -> None:
        """Reset the count of deferrals, because the worker now trains the member itself."""
        with suppress(redis.RedisError):
            self._client.delete(_deferrals_key(run_id, index, worker))

    def troubles(self, run_id: str) -> dict[int, str]:
        """Return the last trouble of each member that had one.

        Raises:
            redis.RedisError: The broker does not answer.
        """
        entries = self._client.hgetall(_troubles_key(run_id)).items()
        return {int(index): as_text(trouble) for index, trouble in entries if _INDEX.fullmatch(as_text(index))}

    def read(self, run_id: str) -> dict[int, MemberProgress]:
        """Return the last progress of each member that wrote any; invalid entries are logged and left out.

        Raises:
            redis.RedisError: The broker does not answer.
        """
        lines = {}
        for index, line in self._client.hgetall(_key(run_id)).items():
            try:
                lines[int(index)] = _progress(as_text(index), line)
            except MessageDecodeError as error:
                logger.warning("A line of progress was left out: %s", error, extra={"run_id": run_id})
        return lines


def _progress(index: str, line: bytes | str) -> MemberProgress:
    if not _INDEX.fullmatch(index):
        raise MessageDecodeError(f"Progress is that of a member, not of {index[:20]!r}.")
    progress = MemberProgress.decode(line, f"progress of member {index}")
    if progress.index != int(index):
        raise MessageDecodeError(f"What stands for the progress of member {index} is that of member {progress.index}.")
    return progress


def _key(run_id: str) -> str:
    return f"{KEY_PREFIX}progress:{run_id}"


def _troubles_key(run_id: str) -> str:
    return f"{KEY_PREFIX}notes:{run_id}"


def _evaluation_trouble_key(run: RunSpec) -> str:
    return f"{_troubles_key(run.run_id)}:evaluation-{run.extension}"


def _failed_key(run_id: str, index: int | None) -> str:
    return f"{KEY_PREFIX}failed-on:{run_id}:{'evaluation' if index is None else index}"


def _deferrals_key(run_id: str, index: int, worker: str) -> str:
    return f"{_failed_key(run_id, index)}:left-by:{worker}"
