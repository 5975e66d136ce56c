"""Runs, members, weights and data sets in shared storage, verified where their SHA-256 is known."""

import hashlib
import logging
import re
import uuid
from collections.abc import Collection, Iterator

from shared.endings import Cancellation, EnsembleEvaluation, RunFailure
from shared.errors import CorruptObjectError, ObjectNotFoundError, RunNotFoundError, StorageError
from shared.messages import AttemptFailure, AttemptNote, MemberRecord, RunSpec
from shared.settings import Settings
from shared.storage import keys
from shared.storage.attempt_log import attempts_among, attempts_in, take_number
from shared.storage.attempts import Attempt, SavedEpoch, failure_of
from shared.storage.documents import read_document, read_record, read_spec
from shared.storage.object_store import ObjectStore
from shared.storage.opening import open_object_store

logger = logging.getLogger(__name__)

_EVALUATED_ANEW = "Restore it from a copy; or remove it, and `deepchord resume {run_id}` evaluates the run anew."


class RunStore:
    """What coordinator and workers read and write of runs; what it is called stands in `keys`."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    @classmethod
    def open(cls, settings: Settings, *, retrying: bool = True) -> "RunStore":
        """Return the store of the settings; see `open_object_store`."""
        return cls(open_object_store(settings, retrying=retrying))

    # Runs

    def create_run(self, spec: RunSpec) -> bool:
        """Publish the spec; False if the run exists."""
        return self.objects.create(keys.run(spec.run_id), spec.encode())

    def run(self, run_id: str) -> RunSpec:
        """Return the spec of a run, as it was last extended; raise `RunNotFoundError` if there is none."""
        missing = RunNotFoundError(
            f"There is no run {run_id!r} in {self.objects.url}; `deepchord runs` lists those there are."
        )
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", run_id):
            raise missing
        try:
            return next(self.versions(run_id))
        except ObjectNotFoundError:
            raise missing from None

    def versions(self, run_id: str) -> Iterator[RunSpec]:
        """Yield the specs of a run, the newest extension first."""
        found = {keys.extension_number(run_id, key): key for key in self.objects.list(keys.extensions(run_id))}
        extended = {number: key for number, key in found.items() if number is not None}
        for number, key in (*sorted(extended.items(), reverse=True), (0, keys.run(run_id))):
            yield read_spec(self.objects, key, run_id, number)

    def extend_run(self, spec: RunSpec) -> bool:
        """Publish the spec with more members; False if somebody else has extended the run in the meantime."""
        return self.objects.create(keys.extension(spec), spec.encode())

    def cancel_run(self, run_id: str, cancellation: Cancellation) -> None:
        """Stop a run: no worker trains it until it is resumed."""
        self.objects.replace(keys.cancellation(run_id), cancellation.encode())

    def resume_run(self, run_id: str) -> None:
        """Take a cancellation back."""
        self.objects.delete(keys.cancellation(run_id))

    def set_local(self, run_id: str, *, local: bool) -> None:
        """Note whether a run has a broker and workers of its own, on the machine of whoever started it."""
        if local:
            self.objects.replace(keys.local(run_id), b"{}\n")
        elif self.is_local(run_id):
            self.objects.delete(keys.local(run_id))

    def is_local(self, run_id: str) -> bool:
        """Say whether a run has a broker and workers of its own, on the machine of whoever started it."""
        return self.objects.exists(keys.local(run_id))

    def cancellation(self, run_id: str) -> Cancellation | None:
        """Return who cancelled a run, or None."""
        remedy = f"`deepchord resume {run_id}` takes it away, `deepchord cancel {run_id}` writes it anew."
        try:
            return read_document(self.objects, Cancellation, keys.cancellation(run_id), remedy)
        except ObjectNotFoundError:
            return None

    def is_cancelled(self, run_id: str) -> bool:
        """Say whether a run was cancelled."""
        return self.objects.exists(keys.cancellation(run_id))

    def run_ids(self, *, but: Collection[str] = ()) -> list[str]:
        """Return the ids of all runs, oldest first (ids begin with their date), but for those that are known."""
        names = (name for name in self.objects.folders(keys.RUNS) if name not in but)
        return [name for name in names if self.objects.exists(keys.run(name))]

    # Members

    def start_attempt(self, run_id: str, index: int, note: bytes) -> int:
        """Take the next attempt number of a member, from 1, and leave a note of who took it.

        The number is taken by a create-only write, so that it grows strictly, whatever else is lost.
        """
        return take_number(self.objects, keys.attempts(run_id, index), note)

    def attempt_note(self, run_id: str, index: int, attempt: int) -> AttemptNote:
        """Return who took an attempt."""
        key = keys.attempt_note(run_id, index, attempt)
        return read_document(self.objects, AttemptNote, key)

    def hand_over(self, run_id: str, index: int, attempt: int) -> None:
        """Note that an attempt does not count against its member: it ended on purpose, or the run was resumed since."""
        self.objects.replace(keys.handed_over(run_id, index, attempt), b"{}\n")

    def attempts(self, run_id: str, index: int) -> tuple[Attempt, ...]:
        """Return the attempts that a member has had, in order; nothing but names is read."""
        return attempts_in(self.objects, keys.attempts(run_id, index))

    def attempts_of_all(self, run_id: str) -> dict[int, tuple[Attempt, ...]]:
        """Return the attempts of each member of a run that has had any; nothing but names is read."""
        names: dict[int, list[str]] = {}
        for index, name in filter(None, map(keys.attempt_name, self.objects.list(keys.members(run_id)))):
            names.setdefault(index, []).append(name)
        return {index: attempts_among(found) for index, found in names.items()}

    def fail_attempt(self, run_id: str, index: int, attempt: int, failure: AttemptFailure) -> None:
        """Note how an attempt failed."""
        compared = failure_of(failure.worker, failure.way)
        self.objects.replace(keys.attempt_failure(run_id, index, attempt, compared), failure.encode())

    def save_epoch(self, run_id: str, index: int, attempt: int, epoch: int, state: bytes) -> SavedEpoch:
        """Publish the training state after an epoch."""
        saved = SavedEpoch(attempt=attempt, epoch=epoch, sha256=hashlib.sha256(state).hexdigest())
        self.objects.replace(keys.epoch(run_id, index, saved), state)
        return saved

    def saved_epoch(self, run_id: str, index: int, saved: SavedEpoch) -> bytes:
        """Return a training state; raise `CorruptObjectError` if it is not what was published."""
        return self._verified(keys.epoch(run_id, index, saved), saved.sha256)

    def forget_epoch(self, run_id: str, index: int, saved: SavedEpoch) -> None:
        """Remove a training state that nobody needs any more."""
        self.objects.delete(keys.epoch(run_id, index, saved))

    def forget_epochs(self, run_id: str, index: int) -> None:
        """Remove all training states of a member that has a record."""
        for attempt in self.attempts(run_id, index):
            for saved in attempt.saved:
                self.forget_epoch(run_id, index, saved)

    def put_weights(self, run_id: str, index: int, attempt: int, weights: bytes) -> None:
        """Publish the weights of one attempt, HDF5."""
        self.objects.replace(keys.weights(run_id, index, attempt), weights)

    def weights(self, run_id: str, index: int, attempt: int, sha256: str) -> bytes:
        """Return the weights of an attempt; raise `CorruptObjectError` if they are not those of the record."""
        return self._verified(keys.weights(run_id, index, attempt), sha256)

    def put_member_probabilities(self, run_id: str, index: int, attempt: int, probabilities: bytes) -> None:
        """Publish the member's own test probabilities, `.npy`."""
        self.objects.replace(keys.member_probabilities(run_id, index, attempt), probabilities)

    def member_probabilities(self, run_id: str, index: int, attempt: int, sha256: str) -> bytes:
        """Return the member's own test probabilities, `.npy`."""
        return self._verified(keys.member_probabilities(run_id, index, attempt), sha256)

    def commit_record(self, record: MemberRecord) -> bool:
        """Commit a member's record; False if it has one already, which then stays."""
        spec = record.member.spec
        return self.objects.create(keys.record(spec.run_id, spec.index), record.encode())

    def record(self, run_id: str, index: int) -> MemberRecord | None:
        """Return a member's committed record, or None; see `read_record` for the errors."""
        try:
            return read_record(self.objects, run_id, index)
        except ObjectNotFoundError:
            return None

    def hand_over_all(self, run_id: str, index: int) -> None:
        """Note that none of a member's attempts so far counts against it."""
        for attempt in self.attempts(run_id, index):
            if not attempt.handed_over:
                self.hand_over(run_id, index, attempt.number)

    def has_record(self, run_id: str, index: int) -> bool:
        """Say whether a member has a committed record."""
        return self.objects.exists(keys.record(run_id, index))

    def recorded(self, run_id: str) -> list[int]:
        """Return the indices of the members that have a record, in order."""
        found = map(keys.recorded_index, self.objects.list(keys.members(run_id)))
        return sorted(index for index in found if index is not None)

    def records(self, run_id: str, members: int) -> Iterator[MemberRecord]:
        """Yield the committed records of a run in the order of their indices, each when it is read."""
        found = (self.record(run_id, index) for index in range(members))
        return (record for record in found if record is not None)

    # The end of a run, and of each extension of it

    def start_evaluation(self, run: RunSpec, note: bytes) -> int:
        """Take the next attempt number of the evaluation, from 1, as `start_attempt` does."""
        return take_number(self.objects, keys.evaluations(run), note)

    def evaluation_attempts(self, run: RunSpec) -> tuple[Attempt, ...]:
        """Return how often the evaluation was begun, in order; nothing but names is read."""
        return attempts_in(self.objects, keys.evaluations(run))

    def hand_over_evaluation(self, run: RunSpec, attempt: int) -> None:
        """Note that an attempt at the evaluation does not count: it ended on purpose."""
        self.objects.replace(keys.evaluation_handed_over(run, attempt), b"{}\n")

    def fail_evaluation(self, run: RunSpec, attempt: int) -> None:
        """Note that an attempt at the evaluation ended with an error."""
        self.objects.replace(keys.evaluation_failed(run, attempt), b"{}\n")

    def commit_evaluation(self, run: RunSpec, evaluation: EnsembleEvaluation, probabilities: bytes) -> bool:
        """Commit the evaluation and the ensemble's probabilities; see `_end` for when it does not."""
        self.objects.replace(keys.ensemble_probabilities(run, evaluation.probabilities_sha256), probabilities)
        return self._end(run, keys.evaluation(run), evaluation.encode())

    def evaluation(self, run: RunSpec) -> EnsembleEvaluation | None:
        """Return the evaluation of a run, or None."""
        key = keys.evaluation(run)
        if not self.objects.exists(key):
            return None
        return read_document(self.objects, EnsembleEvaluation, key, _EVALUATED_ANEW.format(run_id=run.run_id))

    def ensemble_probabilities(self, run: RunSpec, sha256: str) -> bytes:
        """Return the ensemble's probabilities: `.npz` with `train` and `test`, float32 [size, classes]."""
        return self._verified(keys.ensemble_probabilities(run, sha256), sha256)

    def commit_failure(self, run: RunSpec, failure: RunFailure) -> bool:
        """Commit that the run ended without an evaluation; see `_end` for when it does not."""
        return self._end(run, keys.failure(run), failure.encode())

    def failure(self, run: RunSpec) -> RunFailure | None:
        """Return why the run ended without an evaluation, or None."""
        key = keys.failure(run)
        if not self.objects.exists(key):
            return None
        return read_document(self.objects, RunFailure, key, _EVALUATED_ANEW.format(run_id=run.run_id))

    def has_evaluation(self, run: RunSpec) -> bool:
        """Say whether a run was evaluated."""
        return self.objects.exists(keys.evaluation(run))

    def has_failed(self, run: RunSpec) -> bool:
        """Say whether a run ended without an evaluation."""
        return self.objects.exists(keys.failure(run))

    def has_ended(self, run: RunSpec) -> bool:
        """Say whether a run was evaluated or has failed."""
        return self.has_evaluation(run) or self.has_failed(run)

    def _end(self, run: RunSpec, key: str, data: bytes) -> bool:
        """Commit how a run ended; False if that stands already, or it was cancelled: looked at right before.

        A cancellation that comes between the look and the end is taken back, for the end stands. Whoever cancels looks
        for an end after that (`coordinator.steering`), so that one of both sees the other.
        """
        if self.is_cancelled(run.run_id) or not self.objects.create(key, data):
            return False
        if self.is_cancelled(run.run_id) and self.run(run.run_id).extension == run.extension:
            self.resume_run(run.run_id)
        return True

    # Data sets

    def publish_dataset(self, sha256: str, data: bytes) -> None:
        """Publish a data set under its SHA-256, in the place of one that is damaged, if there is one."""
        self.objects.replace(keys.dataset(sha256), data)

    def has_dataset(self, sha256: str, data: bytes) -> bool:
        """Say whether the data set is published, undamaged as far as `ObjectStore.holds` tells; damage is warned of."""
        key = keys.dataset(sha256)
        try:
            found = self.objects.holds(key, data)
            damaged = not found and self.objects.exists(key)
        except CorruptObjectError:
            found, damaged = False, True
        if damaged:
            logger.warning("%s/%s is damaged; the data set is published anew.", self.objects.url, key)
        return found

    def dataset(self, sha256: str) -> bytes:
        """Return the published data set, verified."""
        remedy = (
            "Remove it: the next `deepchord train` with this data set publishes it anew, then `deepchord resume` goes "
            "on."
        )
        return self._verified(keys.dataset(sha256), sha256, remedy)

    def check_writable(self) -> None:
        """Raise `StorageError` unless something can be written and read back, and what exists is not created again."""
        probe = f"probes/{uuid.uuid4().hex}"
        self.objects.replace(probe, b"deepchord\n")
        try:
            self.objects.get(probe)
            if self.objects.create(probe, b"twice\n"):
                raise StorageError(
                    f"Storage {self.objects.url} overwrites what it is told to create only once, so two workers could "
                    "commit the same member: use a service with conditional writes (If-None-Match).",
                    permanent=True,
                )
        finally:
            self.objects.delete(probe)

    def _verified(self, key: str, sha256: str, remedy: str = "Restore it from a copy, or train a new run.") -> bytes:
        data = self.objects.get(key)
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            difference = f"expected the SHA-256 {sha256[:12]}…, found {found[:12]}…"
            raise CorruptObjectError(f"{self.objects.url}/{key} is damaged: {difference}. {remedy}")
        return data
