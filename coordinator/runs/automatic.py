"""Decides whether a run that asked for `members = "auto"` gets more members.

After each evaluation the loss on held-out images tells what one more member would bring
(`deepchord.shared.messages.MemberGain`). While that is more than the run asks for, members are added by extending the
run: every member stays a task of its own, and each evaluation stays in storage.
"""

import math

from deepchord.coordinator.runs.control import plan_extension
from deepchord.shared.messages import AutoMembers, MemberGain, RunSpec
from deepchord.shared.storage import RunStore

#: At most this share of the members there are is added at once: what is extrapolated further is less certain.
_LARGEST_STEP = 0.5


def next_extension(store: RunStore, run: RunSpec) -> RunSpec | None:
    """Return an evaluated run with the members that are to be added; None if it has enough, or did not ask for it."""
    if run.auto is None:
        return None
    evaluation = store.evaluation(run).result()
    uncertainty = None if evaluation is None else evaluation.uncertainty
    if evaluation is None or uncertainty is None or uncertainty.next_member is None:
        return None
    missing = enough_members(uncertainty.next_member, run.auto, evaluation.trained) - evaluation.trained
    largest = max(1, math.floor(_LARGEST_STEP * run.members))
    members = min(run.auto.at_most, run.members + min(missing, largest))
    return plan_extension(run, members, None, automatic=True) if members > run.members else None


def enough_members(gain: MemberGain, auto: AutoMembers, members: int) -> int:
    """Return the smallest number of members at which one more would lower the loss by too little.

    It is the present number if that is enough, otherwise at most `auto.at_most`.

    Args:
        gain: What one more member would bring now.
        auto: What the run asks for.
        members: How many members the ensemble has.
    """
    # The loss of k members is a + c / k: from its value and its fall at the present number.
    slope = gain.fall * members * (members + 1)
    floor = gain.loss - slope / members
    number = members
    while slope / (number * (number + 1)) >= auto.least_fall * (floor + slope / number) and number < auto.at_most:
        number += 1
    return number
