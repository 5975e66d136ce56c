"""Adds members to a run that asked for `members = "auto"`, after each of its evaluations."""

from collections.abc import Callable

from deepchord.coordinator.running.broker_session import BrokerSession
from deepchord.coordinator.runs import decide_members, extend_run, submit_remaining
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import create_app
from deepchord.shared.storage import RunStore


def at_its_largest(run: RunSpec) -> RunSpec:
    """Return a run with all members that it may get by itself: workers are chosen once, for all of them."""
    return run if run.auto is None else run.model_copy(update={"members": max(run.members, run.auto.at_most)})


def extend_by_itself(
    session: BrokerSession, store: RunStore, run: RunSpec, report: Callable[[str], None]
) -> RunSpec | None:
    """Add members to an evaluated run that asked for it, and send them.

    Args:
        session: The run's broker.
        store: Shared storage.
        run: The run, evaluated.
        report: Called with a sentence about what was decided.

    Returns:
        The run as it is then; None if no further member is to be added.

    Raises:
        StorageError: Storage does not answer.
    """
    if run.auto is None:
        return None
    decision = decide_members(run, store.evaluation(run).result())
    if decision is None:
        return None
    report(decision.reason)
    extended = decision.extended
    if extended is None:
        return None
    try:
        extend_run(store, extended)
    except InputError:  # another command follows it, too, and was faster
        newest = store.run(run.run_id)
        return newest if newest.extension > run.extension else None
    submit_remaining(create_app(session.settings), store, extended, local=session.embedded)
    return extended
