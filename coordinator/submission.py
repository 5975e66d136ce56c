"""Submits a run: the spec to storage first, then the chord, by task name."""

from datetime import UTC, datetime

import redis
from celery import Celery, chord
from kombu.exceptions import OperationalError

from coordinator.planning import plan_members
from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER, queue_of
from shared.errors import BrokerError, InputError
from shared.messages import RunFailure, RunSpec
from shared.settings import without_password
from shared.storage import RunStore


def submit(app: Celery, store: RunStore, run: RunSpec) -> None:
    """Write run.json, then ring the bell for each member; the chord's body evaluates the ensemble.

    The tasks' ids follow from the run's id, so that any host can ask the broker how they ended.

    Raises:
        InputError: The run exists already.
        StorageError: The spec could not be written; nothing was sent.
        BrokerError: The broker does not answer any more.
    """
    if not store.create_run(run):
        raise InputError(f"There is a run {run.run_id} in {store.objects.url} already; give another name.")
    header = [
        app.signature(
            TRAIN_MEMBER,
            args=[member.model_dump(mode="json")],
            task_id=member_task_id(run.run_id, member.index),
            queue=queue_of(run.require),
        )
        for member in plan_members(run)
    ]
    body = app.signature(EVALUATE_ENSEMBLE, args=[run.run_id], task_id=evaluation_task_id(run.run_id), immutable=True)
    try:
        chord(header, app=app)(body)
    except (OperationalError, redis.RedisError) as error:
        reason = f"the broker stopped answering while it was submitted ({str(error).rstrip('.')})"
        store.commit_failure(
            run.run_id, RunFailure(requested=run.members, trained=0, reason=reason, failed_at=datetime.now(UTC))
        )
        raise BrokerError(
            f"Broker {without_password(app.conf.broker_url)} stopped answering while run {run.run_id} was submitted; "
            "start it and train again."
        ) from error


def member_task_id(run_id: str, index: int) -> str:
    """Return the Celery id of a member's task."""
    return f"{run_id}.member-{index:03d}"


def evaluation_task_id(run_id: str) -> str:
    """Return the Celery id of the evaluation's task."""
    return f"{run_id}.evaluation"
