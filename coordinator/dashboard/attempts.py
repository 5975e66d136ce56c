"""Who tried to train which member, from when to when, and how it ended: what the time line is drawn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepchord.coordinator.dashboard.encoding import moment
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import AttemptFailure, AttemptNote, FailedMember, MemberRecord
from deepchord.shared.storage import Attempt, RunStore

#: Of larger runs the time line shows so many members: the last ones that were begun.
MOST_MEMBERS = 200


@dataclass(kw_only=True)
class AttemptReader:
    """Reads the attempts at the members of one run; what never changes is read once."""

    store: RunStore
    run_id: str
    _notes: dict[tuple[int, int], AttemptNote] = field(default_factory=dict)
    _failures: dict[tuple[int, int], AttemptFailure] = field(default_factory=dict)

    def look(self, records: Mapping[int, MemberRecord]) -> list[dict[str, Any]]:
        """Return the attempts as they are now, by member and number.

        Args:
            records: The members that have ended.

        Raises:
            StorageError: Storage does not answer.
        """
        by_member = self.store.attempts_by_member(self.run_id)
        shown = sorted(by_member)[-MOST_MEMBERS:]
        return [line for index in shown for line in self._of_member(index, by_member[index], records.get(index))]

    def _of_member(
        self, index: int, attempts: tuple[Attempt, ...], record: MemberRecord | None
    ) -> Iterator[dict[str, Any]]:
        for place, attempt in enumerate(attempts):
            note = self._note(index, attempt)
            if note is None:
                continue
            failure = self._failure(index, attempt)
            following = self._note(index, attempts[place + 1]) if place + 1 < len(attempts) else None
            ended_at = failure.failed_at if failure else following.started_at if following else None
            if ended_at is None and record is not None:
                ended_at = record.member.finished_at
            yield {
                "member": index,
                "number": attempt.number,
                "worker": note.worker,
                "host": note.host,
                "started_at": moment(note.started_at),
                "ended_at": moment(ended_at),
                "end": _end(attempt, record, is_last=following is None),
                "error": failure and failure.error,
            }

    def _note(self, index: int, attempt: Attempt) -> AttemptNote | None:
        key = (index, attempt.number)
        if key not in self._notes:
            try:
                self._notes[key] = self.store.member(self.run_id, index).attempt_note(attempt.number)
            except DeepchordError:  # a bar is missing; the members' own lines tell what is wrong
                return None
        return self._notes[key]

    def _failure(self, index: int, attempt: Attempt) -> AttemptFailure | None:
        key = (index, attempt.number)
        if attempt.failure is not None and key not in self._failures:
            try:
                found = self.store.member(self.run_id, index).attempt_failure(attempt)
            except DeepchordError:  # as above
                return None
            if found is not None:
                self._failures[key] = found
        return self._failures.get(key)


def _end(attempt: Attempt, record: MemberRecord | None, *, is_last: bool) -> str:
    """Return how an attempt ended, in a word; `running` while nothing says that it has."""
    if record is not None and record.member.attempt == attempt.number:
        return "failed" if isinstance(record.member, FailedMember) else "trained"
    if attempt.failure is not None:
        return "failed"
    if attempt.handed_over:
        return "handed over"
    return "running" if is_last and record is None else "lost"
