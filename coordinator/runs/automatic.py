"""Decides whether a run that asked for `members = "auto"` gets more members.

After each evaluation the loss on held-out images tells what one more member would bring
(`deepchord.shared.messages.MemberGain`). While that is more than the run asks for, members are added by extending the
run: every member stays a task of its own, and each evaluation stays in storage. The decision follows from run and
evaluation alone, so everybody who looks at a run comes to the same one.
"""

import math
from dataclasses import dataclass

from deepchord.coordinator.runs.control import plan_extension
from deepchord.shared.messages import (
    AutoMembers,
    Evaluation,
    MemberGain,
    MultilabelEvaluation,
    NumberGain,
    RegressionEvaluation,
    RunSpec,
)
from deepchord.shared.storage import RunStore

#: At most this share of the members there are is added at once: what is extrapolated further is less certain.
_LARGEST_STEP = 0.5


@dataclass(frozen=True, kw_only=True)
class MemberDecision:
    """What becomes of an evaluated run that asked for `members = "auto"`."""

    #: The run with the members that are to be added; None: it gets no more.
    extended: RunSpec | None
    #: A sentence that says so, and why.
    reason: str


def decide_members(run: RunSpec, evaluation: Evaluation | None) -> MemberDecision | None:
    """Return whether a run gets more members; None if it is not evaluated, or did not ask for it.

    Args:
        run: The run.
        evaluation: The evaluation of all of its members; None: there is none yet.
    """
    auto = run.auto
    if auto is None or evaluation is None:
        return None
    gain = _gain(evaluation)
    if gain is None:
        reason = f"Run {run.run_id} gets no more members: no image was held out by two, so nobody knows if they help."
        return MemberDecision(extended=None, reason=reason)
    missing = enough_members(gain, auto, evaluation.trained) - evaluation.trained
    largest = max(1, math.floor(_LARGEST_STEP * run.members))
    members = min(auto.at_most, run.members + min(missing, largest))
    if members > run.members:
        reason = f"More members still help: {members - run.members} more, {members} in all."
        return MemberDecision(extended=plan_extension(run, members, None, automatic=True), reason=reason)
    return MemberDecision(extended=None, reason=_reason_for_no_more(run, auto, gain))


def next_extension(store: RunStore, run: RunSpec) -> RunSpec | None:
    """Return an evaluated run with the members that are to be added; None if it gets none."""
    if run.auto is None:
        return None
    decision = decide_members(run, store.evaluation(run).result())
    return None if decision is None else decision.extended


def enough_members(gain: MemberGain | NumberGain, auto: AutoMembers, members: int) -> int:
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

    def least_fall(number: int) -> float:
        """Return what the next member must bring at least, in nats."""
        return auto.least_fall * (1.0 if isinstance(gain, NumberGain) else floor + slope / number)

    number = members
    while slope / (number * (number + 1)) >= least_fall(number) and number < auto.at_most:
        number += 1
    return number


def _gain(evaluation: Evaluation) -> MemberGain | NumberGain | None:
    """Return what one more member would bring; None if that is not known."""
    if isinstance(evaluation, RegressionEvaluation):
        return evaluation.next_member
    if isinstance(evaluation, MultilabelEvaluation):  # such runs do not ask for it
        return None
    return evaluation.uncertainty.next_member if evaluation.uncertainty is not None else None


def _reason_for_no_more(run: RunSpec, auto: AutoMembers, gain: MemberGain | NumberGain) -> str:
    if isinstance(gain, NumberGain):
        brought, by, wanted = gain.fall, f"{gain.fall:.4f} nats", f"{auto.least_fall:g} nats"
    else:
        brought, by, wanted = gain.share, f"{100 * gain.share:.2f} %", f"{100 * auto.least_fall:g} %"
    lowered = f"one more would lower the loss by {by}"
    if run.members >= auto.at_most and brought >= auto.least_fall:
        return (
            f"Run {run.run_id} has the {run.members} members that it may have at most: {lowered}, and from {wanted} on "
            "more would help."
        )
    return f"Run {run.run_id} has enough members, {run.members}: {lowered}, and {wanted} is asked for."
