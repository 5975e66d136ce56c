"""Sends a run to the queue: its RunSpec to storage first, then its tasks, by name; and sends lost tasks again."""

from collections.abc import Iterable
from typing import Any

import redis
from celery import Celery, chord
from kombu.exceptions import OperationalError

from deepchord.coordinator.runs.planning import plan_member
from deepchord.shared.broker import broker_state
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import EVALUATE_ENSEMBLE, TRAIN_MEMBER, ShareBoard, queue_for, sign
from deepchord.shared.settings import without_password
from deepchord.shared.storage import RunStore


def submit(app: Celery, store: RunStore, run: RunSpec, *, local: bool = False) -> None:
    """Write run.json, then send a chord: a task for each member, and after them the evaluation.

    The ids of the tasks follow from the run's id, so that any host can tell which tasks are in the queue.

    Args:
        app: Celery on the run's broker.
        store: Shared storage.
        run: The run.
        local: Whether the broker is embedded, so that only this command has workers for the run.

    Raises:
        InputError: The run exists already.
        StorageError: run.json could not be written; nothing was sent.
        BrokerError: The broker stopped answering; `resume` goes on when it answers again.
    """
    if not store.create_run(run):
        raise InputError(f"There is a run {run.run_id} in {store.objects.url} already; give another name.")
    submit_remaining(app, store, run, local=local)


def submit_remaining(app: Celery, store: RunStore, run: RunSpec, *, local: bool = False) -> None:
    """Send the members without a record, and the evaluation after them; see `submit`.

    Raises:
        BrokerError: The broker stopped answering; the tasks that it has already are valid.
    """
    store.set_local(run.run_id, local=local)
    recorded = set(store.recorded_members(run.run_id))
    share = store.share(run)
    try:
        # First: the workers choose between runs by it as soon as a message is there.
        ShareBoard(app.backend.client).publish(run.run_id, share, run.members)
        send_all(app, run, [index for index in range(run.members) if index not in recorded])
    except (OperationalError, redis.RedisError) as error:
        state = broker_state(error, {})
        what, first_step = f"stopped answering ({str(error).rstrip('.')})", "start it, then"
        if state is not None:
            what, first_step = state.text, "then"
        raise BrokerError(
            f"Broker {without_password(app.conf.broker_url)} {what}; {first_step} `deepchord resume {run.run_id}`."
        ) from error


def send_all(app: Celery, run: RunSpec, indices: Iterable[int]) -> None:
    """Send a chord of these members and the evaluation; without members the evaluation alone."""
    header = [_member(app, run, index) for index in indices]
    if header:
        chord(header, app=app)(_evaluation(app, run))
    else:
        resend_evaluation(app, run)


def resend_member(app: Celery, run: RunSpec, index: int) -> None:
    """Send a member again, and the evaluation after it.

    The chord of the first message may never end. An evaluation that comes too early is ignored.
    """
    # A new connection: an old one does not declare the queue again after the broker has lost its data.
    with app.connection_for_write() as connection:
        _member(app, run, index).apply_async(link=_evaluation(app, run), connection=connection)


def resend_evaluation(app: Celery, run: RunSpec) -> None:
    """Send the evaluation again."""
    with app.connection_for_write() as connection:
        _evaluation(app, run).apply_async(connection=connection)


def member_task_id(run_id: str, index: int) -> str:
    """Return the Celery id of a member's task."""
    return f"{run_id}.member-{index:03d}"


def evaluation_task_id(run: RunSpec) -> str:
    """Return the Celery id of the evaluation's task; an extended run has a new one."""
    return f"{run.run_id}.evaluation" + (f"-{run.extension}" if run.extension else "")


def _member(app: Celery, run: RunSpec, index: int) -> Any:
    message = plan_member(run.run_id, run.seed, index).model_dump(mode="json")
    return app.signature(
        TRAIN_MEMBER,
        args=[message] if app.signing_key is None else [message, sign(app.signing_key, message)],
        task_id=member_task_id(run.run_id, index),
        queue=queue_for(run.require),
    )


def _evaluation(app: Celery, run: RunSpec) -> Any:
    return app.signature(EVALUATE_ENSEMBLE, args=[run.run_id], task_id=evaluation_task_id(run), immutable=True)
