"""One member of a run in storage: its attempts, what they saved and published, and its record."""

import hashlib

from deepchord.shared.errors import ObjectNotFoundError
from deepchord.shared.messages import AttemptFailure, AttemptNote, MemberRecord
from deepchord.shared.storage import keys
from deepchord.shared.storage.attempt_log import list_attempts, take_number
from deepchord.shared.storage.attempts import Attempt, SavedEpoch, comparable_failure
from deepchord.shared.storage.documents import read_document, read_record, read_verified
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.storage.pruned_runs import refuse_pruned


class MemberStore:
    """One member of a run in storage; `RunStore.member` returns it."""

    def __init__(self, objects: ObjectStore, run_id: str, index: int) -> None:
        self._objects = objects
        self._run_id = run_id
        self._index = index

    # Attempts

    def start_attempt(self, note: bytes) -> int:
        """Take the next attempt number, counted from 1, and store a note of who took it; see `take_number`."""
        return take_number(self._objects, keys.attempts(self._run_id, self._index), note)

    def attempt_note(self, attempt: int) -> AttemptNote:
        """Return who took an attempt."""
        return read_document(self._objects, AttemptNote, keys.attempt_note(self._run_id, self._index, attempt))

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts so far, in order; only names are read."""
        return list_attempts(self._objects, keys.attempts(self._run_id, self._index))

    def hand_over(self, attempt: int) -> None:
        """Record that an attempt does not count, because it ended on purpose or the run was resumed since."""
        self._objects.replace(keys.handed_over(self._run_id, self._index, attempt), b"{}\n")

    def hand_over_all(self) -> None:
        """Record that none of the attempts so far counts."""
        for attempt in self.attempts():
            if not attempt.handed_over:
                self.hand_over(attempt.number)

    def fail_attempt(self, attempt: int, failure: AttemptFailure) -> None:
        """Record how an attempt failed."""
        compared = comparable_failure(failure.worker, failure.way)
        self._objects.replace(keys.attempt_failure(self._run_id, self._index, attempt, compared), failure.encode())

    def attempt_failure(self, attempt: Attempt) -> AttemptFailure | None:
        """Return how an attempt failed; None if it did not fail."""
        if attempt.failure is None:
            return None
        key = keys.attempt_failure(self._run_id, self._index, attempt.number, attempt.failure)
        return read_document(self._objects, AttemptFailure, key)

    # Training states

    def save_epoch(self, attempt: int, epoch: int, state: bytes) -> SavedEpoch:
        """Publish the training state after an epoch."""
        saved = SavedEpoch(attempt=attempt, epoch=epoch, sha256=hashlib.sha256(state).hexdigest())
        self._objects.replace(keys.epoch(self._run_id, self._index, saved), state)
        return saved

    def saved_epoch(self, saved: SavedEpoch) -> bytes:
        """Return a training state; raise `CorruptObjectError` if it does not have its SHA-256."""
        return read_verified(self._objects, keys.epoch(self._run_id, self._index, saved), saved.sha256)

    def delete_epoch(self, saved: SavedEpoch) -> None:
        """Remove a training state that is no longer needed."""
        self._objects.delete(keys.epoch(self._run_id, self._index, saved))

    def delete_epochs(self) -> None:
        """Remove all training states; for a member that has a record."""
        for attempt in self.attempts():
            for saved in attempt.saved:
                self.delete_epoch(saved)

    # The results of an attempt

    def publish_weights(self, attempt: int, weights: bytes) -> None:
        """Publish the weights of an attempt, as HDF5."""
        self._objects.replace(keys.weights(self._run_id, self._index, attempt), weights)

    def weights(self, attempt: int, sha256: str) -> bytes:
        """Return the weights of an attempt.

        Raises:
            CorruptObjectError: They do not have this SHA-256.
            ObjectNotFoundError: They are gone.
            InputError: They were removed to make room.
        """
        try:
            return read_verified(self._objects, keys.weights(self._run_id, self._index, attempt), sha256)
        except ObjectNotFoundError:
            refuse_pruned(self._objects, self._run_id)
            raise

    def publish_probabilities(self, attempt: int, probabilities: bytes) -> None:
        """Publish the test probabilities of an attempt, as `.npy`."""
        self._objects.replace(keys.member_probabilities(self._run_id, self._index, attempt), probabilities)

    def probabilities(self, attempt: int, sha256: str) -> bytes:
        """Return the test probabilities of an attempt as `.npy`; for errors see `weights`."""
        return read_verified(self._objects, keys.member_probabilities(self._run_id, self._index, attempt), sha256)

    # The record

    def commit_record(self, record: MemberRecord) -> bool:
        """Commit the member's record; return False if it already has one, which stays."""
        return self._objects.create(keys.record(self._run_id, self._index), record.encode())

    def record(self) -> MemberRecord | None:
        """Return the committed record; None if there is none. For the errors see `read_record`."""
        try:
            return read_record(self._objects, self._run_id, self._index)
        except ObjectNotFoundError:
            return None

    def has_record(self) -> bool:
        """Return whether the member has a committed record."""
        return self._objects.exists(keys.record(self._run_id, self._index))
