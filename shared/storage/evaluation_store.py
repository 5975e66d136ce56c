"""The evaluation of a run and its studies in storage: their attempts and their ends.

Each extension of a run has its own evaluation.
"""

from typing import TypeVar

from deepchord.shared.errors import ObjectNotFoundError
from deepchord.shared.messages import (
    EnsembleEvaluation,
    Evaluation,
    MultilabelEvaluation,
    RegressionEvaluation,
    RegressionStudy,
    RunFailure,
    RunSpec,
    Study,
    StudyFailure,
    StudySpec,
)
from deepchord.shared.storage import keys
from deepchord.shared.storage.attempt_log import AttemptLog
from deepchord.shared.storage.documents import read_document, read_newest_spec, read_verified
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.validation import Message

M = TypeVar("M", bound=Message)

_REMEDY = "Restore it from a copy; or remove it, and `deepchord resume {run_id}` evaluates the run anew."
_STUDY_REMEDY = "Remove its folder, and `deepchord evaluate` does it anew."


class EvaluationStore(AttemptLog):
    """The evaluation of one extension of a run in storage; `RunStore.evaluation` returns it."""

    def __init__(self, objects: ObjectStore, run: RunSpec) -> None:
        super().__init__(objects, keys.evaluations(run))
        self._run = run

    def commit_result(self, evaluation: Evaluation, arrays: bytes) -> bool:
        """Commit the evaluation and what the ensemble predicts; return False if the run has ended or is cancelled.

        Args:
            evaluation: The evaluation, which names the SHA-256 of the arrays.
            arrays: Probabilities, or the predictions of numbers, as `deepchord.shared.checkpoints` encodes them.
        """
        if isinstance(evaluation, RegressionEvaluation):
            key = keys.ensemble_predictions(self._run, evaluation.predictions_sha256)
        else:
            key = keys.ensemble_probabilities(self._run, evaluation.probabilities_sha256)
        self._objects.replace(key, arrays)
        return self._commit(keys.evaluation(self._run), evaluation.encode())

    def result(self) -> Evaluation | None:
        """Return the committed evaluation, of what the run predicts; None if there is none."""
        key = keys.evaluation(self._run)
        match self._run.dataset.outputs.task:
            case "regression":
                return self._read(RegressionEvaluation, key)
            case "multilabel":
                return self._read(MultilabelEvaluation, key)
            case "classification":
                return self._read(EnsembleEvaluation, key)

    def has_result(self) -> bool:
        """Return whether the run was evaluated."""
        return self._objects.exists(keys.evaluation(self._run))

    def probabilities(self, sha256: str) -> bytes:
        """Return the ensemble's probabilities: `.npz` with `train` and `test`, float32 [size, classes] or of labels."""
        return read_verified(self._objects, keys.ensemble_probabilities(self._run, sha256), sha256)

    def predictions(self, sha256: str) -> bytes:
        """Return the numbers that the ensemble predicts: `.npz`, see `encode_ensemble_predictions`."""
        return read_verified(self._objects, keys.ensemble_predictions(self._run, sha256), sha256)

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


class StudyStore(AttemptLog):
    """One study in storage; `RunStore.study` returns it. All that it holds is written once."""

    def __init__(self, objects: ObjectStore, run_id: str, name: str) -> None:
        super().__init__(objects, keys.study_attempts(run_id, name))
        self._run_id = run_id
        self._name = name

    def create(self, spec: StudySpec) -> bool:
        """Publish what the study looks at; return False if there is a study of that name."""
        return self._objects.create(keys.study_spec(self._run_id, self._name), spec.encode())

    def spec(self) -> StudySpec | None:
        """Return what the study looks at; None if there is no such study."""
        return self._read(StudySpec, keys.study_spec(self._run_id, self._name))

    def commit_result(self, study: Study | RegressionStudy, arrays: bytes) -> bool:
        """Commit the result and what the ensemble predicts; return False if the study has ended before.

        Args:
            study: The result, which names the SHA-256 of the arrays.
            arrays: Probabilities, or the predictions of numbers, as `deepchord.shared.checkpoints` encodes them.
        """
        if isinstance(study, RegressionStudy):
            key = keys.study_predictions(self._run_id, self._name, study.evaluation.predictions_sha256)
        else:
            key = keys.study_probabilities(self._run_id, self._name, study.evaluation.probabilities_sha256)
        self._objects.replace(key, arrays)
        return self._objects.create(keys.study_result(self._run_id, self._name), study.encode())

    def result(self) -> Study | RegressionStudy | None:
        """Return the result, of classes or of numbers as the run predicts them; None if there is none yet."""
        key = keys.study_result(self._run_id, self._name)
        if not self._objects.exists(key):
            return None
        predicts_numbers = bool(read_newest_spec(self._objects, self._run_id).dataset.targets)
        return self._read(RegressionStudy, key) if predicts_numbers else self._read(Study, key)

    def has_result(self) -> bool:
        """Return whether the study is done."""
        return self._objects.exists(keys.study_result(self._run_id, self._name))

    def probabilities(self, sha256: str) -> bytes:
        """Return the probabilities of the result: `.npz`, see `encode_ensemble_probabilities`."""
        return read_verified(
            self._objects, keys.study_probabilities(self._run_id, self._name, sha256), sha256, _STUDY_REMEDY
        )

    def predictions(self, sha256: str) -> bytes:
        """Return the predicted numbers of the result: `.npz`, see `encode_ensemble_predictions`."""
        return read_verified(
            self._objects, keys.study_predictions(self._run_id, self._name, sha256), sha256, _STUDY_REMEDY
        )

    def commit_failure(self, failure: StudyFailure) -> bool:
        """Commit why the study has no result; return False if that was done before."""
        return self._objects.create(keys.study_failure(self._run_id, self._name), failure.encode())

    def failure(self) -> StudyFailure | None:
        """Return why the study ended without a result; None if it did not."""
        return self._read(StudyFailure, keys.study_failure(self._run_id, self._name))

    def has_failed(self) -> bool:
        """Return whether the study ended without a result."""
        return self._objects.exists(keys.study_failure(self._run_id, self._name))

    def _read(self, kind: type[M], key: str) -> M | None:
        try:
            return read_document(self._objects, kind, key, _STUDY_REMEDY)
        except ObjectNotFoundError:
            return None
