"""The evaluation of a run in storage: its attempts and its end. Each extension of a run has its own evaluation."""

from typing import TypeVar

from deepchord.shared.messages import EnsembleEvaluation, RunFailure, RunSpec
from deepchord.shared.storage import keys
from deepchord.shared.storage.attempt_log import list_attempts, take_number
from deepchord.shared.storage.attempts import Attempt
from deepchord.shared.storage.documents import read_document, read_newest_spec, read_verified
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.validation import Message

M = TypeVar("M", bound=Message)

_REMEDY = "Restore it from a copy; or remove it, and `deepchord resume {run_id}` evaluates the run anew."


class EvaluationStore:
    """The evaluation of one extension of a run in storage; `RunStore.evaluation` returns it."""

    def __init__(self, objects: ObjectStore, run: RunSpec) -> None:
        self._objects = objects
        self._run = run

    # Attempts

    def start_attempt(self, note: bytes) -> int:
        """Take the next attempt number, counted from 1, as `MemberStore.start_attempt` does."""
        return take_number(self._objects, keys.evaluations(self._run), note)

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts so far, in order; only names are read."""
        return list_attempts(self._objects, keys.evaluations(self._run))

    def hand_over(self, attempt: int) -> None:
        """Record that an attempt does not count, because it ended on purpose."""
        self._objects.replace(keys.evaluation_handed_over(self._run, attempt), b"{}\n")

    def fail_attempt(self, attempt: int) -> None:
        """Record that an attempt ended with an error."""
        self._objects.replace(keys.evaluation_failed(self._run, attempt), b"{}\n")

    # The end

    def commit_result(self, evaluation: EnsembleEvaluation, probabilities: bytes) -> bool:
        """Commit the evaluation and the ensemble's probabilities; return False if the run has ended or is cancelled."""
        self._objects.replace(keys.ensemble_probabilities(self._run, evaluation.probabilities_sha256), probabilities)
        return self._commit(keys.evaluation(self._run), evaluation.encode())

    def result(self) -> EnsembleEvaluation | None:
        """Return the committed evaluation; None if there is none."""
        return self._read(EnsembleEvaluation, keys.evaluation(self._run))

    def has_result(self) -> bool:
        """Return whether the run was evaluated."""
        return self._objects.exists(keys.evaluation(self._run))

    def probabilities(self, sha256: str) -> bytes:
        """Return the ensemble's probabilities: `.npz` with `train` and `test`, float32 [size, classes]."""
        return read_verified(self._objects, keys.ensemble_probabilities(self._run, sha256), sha256)

    def commit_failure(self, failure: RunFailure) -> bool:
        """Commit that the run ended without an evaluation; return False if it has ended before or is cancelled."""
        return self._commit(keys.failure(self._run), failure.encode())

    def failure(self) -> RunFailure | None:
        """Return why the run ended without an evaluation; None if it did not."""
        return self._read(RunFailure, keys.failure(self._run))

    def has_failed(self) -> bool:
        """Return whether the run ended without an evaluation."""
        return self._objects.exists(keys.failure(self._run))

    def has_ended(self) -> bool:
        """Return whether the run was evaluated or has failed."""
        return self.has_result() or self.has_failed()

    def _read(self, kind: type[M], key: str) -> M | None:
        if not self._objects.exists(key):
            return None
        return read_document(self._objects, kind, key, _REMEDY.format(run_id=self._run.run_id))

    def _commit(self, key: str, data: bytes) -> bool:
        """Commit how the run ended; return False if it has ended before, or is cancelled.

        A cancellation that arrives after the check and before the commit is removed again, because the end stays. The
        code that cancels a run checks for an end afterwards (`deepchord.coordinator.runs.control`). So at least one of
        the two sees the other.
        """
        cancellation = keys.cancellation(self._run.run_id)
        if self._objects.exists(cancellation) or not self._objects.create(key, data):
            return False
        if self._objects.exists(cancellation):
            newest = read_newest_spec(self._objects, self._run.run_id)
            if newest.extension == self._run.extension:
                self._objects.delete(cancellation)
        return True
