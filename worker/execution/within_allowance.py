"""Lets a worker train a member only if its command may still train one."""

from collections.abc import Callable

from deepchord.worker.execution.outcomes import Completed, DeferToOthers, Outcome
from deepchord.worker.resources import Resources

#: How long a worker that may train no more members takes no further message; it ends long before.
_END_WITHIN_S = 30.0


def within_allowance(resources: Resources, attempt: Callable[[], Outcome]) -> Outcome:
    """Make an attempt if this worker may still train members; else leave the member to others, and end.

    Args:
        resources: How many members may still be trained.
        attempt: Makes the attempt. If the member has a record then, it counts.
    """
    allowance = resources.allowance
    if allowance is None:
        return attempt()
    ticket = allowance.take()
    if ticket is None:
        allowance.refuse(resources.worker_id)
        return DeferToOthers(pause_s=_END_WITHIN_S)
    with ticket:
        outcome = attempt()
        if isinstance(outcome, Completed) and outcome.status is not None:
            ticket.use()
        return outcome
