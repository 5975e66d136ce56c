"""Handles the message of a study: does it unless it is done, or another worker does it."""

import logging
from datetime import UTC, datetime

from deepchord.shared.broker import study_lease
from deepchord.shared.errors import DeepchordError, StorageError
from deepchord.shared.messages import RunSpec, StudyFailure, StudySpec
from deepchord.shared.storage import StudyStore
from deepchord.worker.execution.failure_policy import describe
from deepchord.worker.execution.guarding import guarded
from deepchord.worker.execution.outcomes import (
    RETRY_DELAY_S,
    AttemptEnded,
    Completed,
    Outcome,
    Refused,
    Requeue,
    Resend,
    outcome_of,
)
from deepchord.worker.resources import Resources
from deepchord.worker.studies import commit_study, study_run

logger = logging.getLogger(__name__)

#: How often a study is begun, unless an attempt is handed over.
_MAX_ATTEMPTS = 3


def handle_study(resources: Resources, run_id: str, name: str, worker: str) -> Outcome:
    """Do a study if it is not done and no other worker does it; return what happens to the message.

    Args:
        resources: Engine, storage and broker of this process.
        run_id: The run.
        name: The name of the study.
        worker: The name of this worker in Celery.
    """
    stored = resources.store.study(run_id, name)
    try:
        resources.store.run(run_id)  # another worker may see the storage that has the run
        spec = stored.spec()
        if spec is None:
            return Completed(status=None)  # somebody removed it
        run = resources.store.version(run_id, spec.extension)
        return _already_finished(stored) or _study(resources, run, spec, worker)
    except DeepchordError as error:  # a wrong storage, one that does not answer, or a study of another version
        return Refused(error=error)


def _already_finished(stored: StudyStore) -> Completed | None:
    if stored.has_result():
        return Completed(status="evaluated")
    return Completed(status="failed") if stored.has_failed() else None


def _study(resources: Resources, run: RunSpec, spec: StudySpec, worker: str) -> Outcome:
    stored = resources.store.study(spec.run_id, spec.name)
    with guarded(resources, study_lease(spec.run_id, spec.name), lambda: None, lambda _: None) as guard:
        if guard.conflict is not None:
            return guard.conflict
        if resources.leaving.is_set():
            return Requeue()
        ended = _already_finished(stored)
        if ended is not None:
            return ended
        if sum(not attempt.handed_over for attempt in stored.attempts()) >= _MAX_ATTEMPTS:
            return _fail(stored, spec, f"it was begun {_MAX_ATTEMPTS} times and never came to its end")
        number = stored.start_attempt(resources.attempt_note(worker))
        try:
            commit_study(resources.store, spec, study_run(resources, run, spec, guard.advance))
            return Completed(status="evaluated")
        except AttemptEnded as stopped:
            stored.hand_over(number)
            return outcome_of(stopped)
        except Exception as error:  # any error: the number of attempts is limited
            logger.exception("Study %s of run %s failed.", spec.name, spec.run_id, extra={"run_id": spec.run_id})
            is_temporary = isinstance(error, StorageError) and not error.permanent
            attempts = sum(not attempt.handed_over for attempt in stored.attempts())
            if attempts < _MAX_ATTEMPTS and (is_temporary or not isinstance(error, DeepchordError)):
                return Resend(after_s=RETRY_DELAY_S)
            return _fail(stored, spec, describe(error))


def _fail(stored: StudyStore, spec: StudySpec, reason: str) -> Completed:
    stored.commit_failure(StudyFailure(spec=spec, reason=reason, failed_at=datetime.now(UTC)))
    return Completed(status="failed")
