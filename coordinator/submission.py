"""Submits a run: the spec to storage first, then the chord, by task name."""

from celery import Celery, chord

from coordinator.planning import plan_members
from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER
from shared.errors import InputError
from shared.messages import RunSpec
from shared.storage import RunStore


def submit(app: Celery, store: RunStore, run: RunSpec) -> None:
    """Write run.json, then ring the bell for each member; the chord's body evaluates the ensemble.

    The tasks' ids follow from the run's id, so that any host can ask the broker how they ended.

    Raises:
        InputError: The run exists already.
        StorageError: The spec could not be written; nothing was sent.
    """
    if not store.create_run(run):
        raise InputError(f"There is a run {run.run_id} in {store.objects.url} already; give another name.")
    header = [
        app.signature(
            TRAIN_MEMBER,
            args=[member.model_dump(mode="json")],
            task_id=member_task_id(run.run_id, member.index),
        )
        for member in plan_members(run)
    ]
    body = app.signature(EVALUATE_ENSEMBLE, args=[run.run_id], task_id=evaluation_task_id(run.run_id), immutable=True)
    chord(header, app=app)(body)


def member_task_id(run_id: str, index: int) -> str:
    """Return the Celery id of a member's task."""
    return f"{run_id}.member-{index:03d}"


def evaluation_task_id(run_id: str) -> str:
    """Return the Celery id of the evaluation's task."""
    return f"{run_id}.evaluation"
