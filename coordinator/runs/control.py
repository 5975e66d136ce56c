"""Changes a run under way: cancels it or a member, resumes or extends it; drains workers."""

from collections.abc import Mapping
from datetime import UTC, datetime

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from deepchord.coordinator.runs.planning import plan_member
from deepchord.coordinator.runs.worker_names import is_pattern, match_workers
from deepchord.shared.broker import describe_error
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.messages import MAX_MEMBERS, Cancellation, FailedMember, MemberRecord, RunSpec
from deepchord.shared.queue import DRAIN
from deepchord.shared.settings import without_password
from deepchord.shared.shares import Share
from deepchord.shared.storage import RunStore, damaged_records, keys, refuse_pruned, set_record_aside

_WORKERS_ANSWER_WITHIN_S = 2.0


def cancel_run(store: RunStore, run: RunSpec, host: str) -> None:
    """Cancel a run: its members stop at the next batch, and no worker trains one until the run is resumed.

    Args:
        store: Shared storage.
        run: The run.
        host: The name of this machine, for the record.

    Raises:
        InputError: The run has ended, before this or at the same moment; the cancellation is taken back then.
    """
    _check_not_ended(store, run)
    store.cancel_run(run.run_id, Cancellation(host=host, cancelled_at=datetime.now(UTC)))
    run = store.run(run.run_id)
    if store.evaluation(run).has_ended():
        store.resume_run(run.run_id)
        _check_not_ended(store, run)


def cancel_member(store: RunStore, run: RunSpec, index: int, host: str) -> None:
    """Record a member as failed; if a worker trains it, it stops at the next batch.

    Raises:
        InputError: There is no such member, or it has ended.
    """
    if not 0 <= index < run.members:
        raise InputError(f"Run {run.run_id} has the members 0 to {run.members - 1}, no member {index}.")
    member = store.member(run.run_id, index)
    attempts = member.attempts()
    record = MemberRecord(
        member=FailedMember(
            spec=plan_member(run.run_id, run.seed, index),
            attempt=attempts[-1].number if attempts else 0,
            trainer=None,
            finished_at=datetime.now(UTC),
            error=f"cancelled from {host}",
        )
    )
    if not member.commit_record(record):
        raise InputError(f"Member {index} of run {run.run_id} has ended already; `deepchord status` shows how.")
    member.delete_epochs()


def change_priority(store: RunStore, run: RunSpec, priority: str) -> Share:
    """Record another priority of a run, and return its share; workers follow when the broker is told.

    Raises:
        InputError: There is no such priority, or the run has ended.
    """
    _check_not_ended(store, run)
    share = Share.parse({**store.share(run).model_dump(), "priority": priority}, "The share", InputError)
    store.set_share(run.run_id, share)
    return share


def check_unfinished(store: RunStore, run: RunSpec) -> None:
    """Raise `InputError` if a run has ended for good.

    An ended run can still go on in three cases: nothing but its evaluation failed, it failed before all members had
    ended, or a record is damaged.

    Raises:
        InputError: The run is evaluated, or too few of its members could be trained.
    """
    failure = store.evaluation(run).failure()
    if failure is not None and failure.trained + _unrecorded(store, run) >= run.min_members:
        return
    if store.evaluation(run).has_ended() and next(damaged_records(store, run.run_id), None) is None:
        _check_not_ended(store, run)


def resume_run(store: RunStore, run: RunSpec) -> RunSpec:
    """Let a run go on: take a cancellation back, and give members without a record all their attempts again.

    Damaged records are set aside, and their members are trained again.

    Returns:
        The run. If it had ended, it is published as an extension of itself, which can have another end.

    Raises:
        InputError: The run is evaluated, or too few of its members could be trained.
    """
    check_unfinished(store, run)
    for index in list(damaged_records(store, run.run_id)):
        set_record_aside(store, run.run_id, index)
    if store.evaluation(run).has_ended():
        run = _publish_extension(store, _extension_of(run, {}))
    recorded = set(store.recorded_members(run.run_id))
    for index in range(run.members):
        if index not in recorded:
            store.member(run.run_id, index).hand_over_all()
    store.resume_run(run.run_id)
    return run


def plan_extension(run: RunSpec, members: int, min_members: int | None, *, automatic: bool = False) -> RunSpec:
    """Return a run with more members; its present members are kept.

    Args:
        run: The run as it is.
        members: The number of members in all.
        min_members: How many members must be trained; None: the same share as before.
        automatic: Whether the run itself asked for it; otherwise no further members are added by themselves.

    Raises:
        InputError: The run has so many members already, or fewer than must be trained.
    """
    if not run.members < members <= MAX_MEMBERS:
        raise InputError(
            f"Run {run.run_id} has {run.members} members: give a larger number, of at most {MAX_MEMBERS:,}, "
            f"found {members}; with those that it has, `deepchord resume {run.run_id}` goes on."
        )
    if automatic and run.auto is not None:
        # Not a share that grows: what was evaluated before must not fail by members that were added.
        least = min(members, run.auto.min_members or run.min_members)
        return _extension_of(run, {"members": members, "min_members": least})
    least = -(-run.min_members * members // run.members) if min_members is None else min_members
    return _extension_of(run, {"members": members, "min_members": least, "auto": None})


def extend_run(store: RunStore, extended: RunSpec) -> RunSpec:
    """Publish the run that `plan_extension` returned, and take a cancellation back.

    Raises:
        InputError: Another command has extended the run at the same moment.
    """
    _publish_extension(store, extended)
    store.resume_run(extended.run_id)
    return extended


def drain(app: Celery, name: str) -> list[str]:
    """Ask workers to hand their members over and stop; return the names of the workers.

    Args:
        app: Celery on the broker of the workers.
        name: A worker's name, a part of one, or a pattern such as `*@host`; see `match_workers`.

    Raises:
        BrokerError: The broker does not answer.
        InputError: No connected worker has such a name, or several have.
    """
    try:
        # One worker answers at once. To match a part of a name, all workers must have the time to answer.
        is_whole = "@" in name and not is_pattern(name)
        chosen = (_connected(app, [name]) if is_whole else []) or match_workers(name, _connected(app))
        app.control.broadcast(DRAIN, destination=chosen)
    except (redis.RedisError, OperationalError) as error:
        raise BrokerError(
            f"Broker {without_password(app.conf.broker_url)} does not answer ({describe_error(error)})."
        ) from error
    return chosen


def _connected(app: Celery, names: list[str] | None = None) -> list[str]:
    """Return the connected workers that answer in time: those with these names, or all."""
    answers = app.control.ping(destination=names, timeout=_WORKERS_ANSWER_WITHIN_S)
    return sorted(name for answer in answers for name in answer)


def _extension_of(run: RunSpec, changes: Mapping[str, int | None]) -> RunSpec:
    return RunSpec.parse(
        {**run.model_dump(), **changes, "extension": run.extension + 1}, "The extended run", InputError
    )


def _publish_extension(store: RunStore, run: RunSpec) -> RunSpec:
    """Publish an extension of a run, unless weights of its members were removed, before this or at the same moment."""
    refuse_pruned(store.objects, run.run_id)
    if not store.extend_run(run):
        raise InputError(f"Somebody else has just extended run {run.run_id}: look at it with `deepchord status`.")
    try:
        refuse_pruned(store.objects, run.run_id)
    except InputError:
        store.objects.delete(keys.extension(run))
        raise
    return run


def _check_not_ended(store: RunStore, run: RunSpec) -> None:
    """Raise `InputError` if a run is evaluated or has failed, with what can be done about it."""
    end = store.evaluation(run)
    if end.result() is not None:
        raise InputError(
            f"Run {run.run_id} is evaluated; `deepchord extend {run.run_id} --members N` adds members to it."
        )
    failure = end.failure()
    if failure is not None:
        can_go_on = failure.trained + _unrecorded(store, run) >= run.min_members
        remedy = (
            f"when that is put right, `deepchord resume {run.run_id}` goes on."
            if can_go_on
            else f"`deepchord extend {run.run_id} --members N` trains further members."
        )
        raise InputError(f"Run {run.run_id} has failed ({failure.reason.rstrip('.')}); {remedy}")


def _unrecorded(store: RunStore, run: RunSpec) -> int:
    """Return the number of members without a record; a run that failed early can go on with them."""
    return run.members - len(store.recorded_members(run.run_id))
