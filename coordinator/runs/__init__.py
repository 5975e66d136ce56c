"""Plans a run, checks it, and sends it to the queue.

Also changes runs that are under way: cancels, resumes and extends them, and drains workers.
"""

from deepchord.coordinator.runs.automatic import MemberDecision, decide_members, next_extension
from deepchord.coordinator.runs.control import (
    cancel_member,
    cancel_run,
    change_priority,
    check_unfinished,
    drain,
    extend_run,
    plan_extension,
    resume_run,
)
from deepchord.coordinator.runs.distillation import plan_distillation
from deepchord.coordinator.runs.long_steps import long_step
from deepchord.coordinator.runs.ownership import check_owner, is_own, owner_of, tags_of
from deepchord.coordinator.runs.planning import plan_architecture, plan_member, plan_run
from deepchord.coordinator.runs.preparation import (
    check_broker,
    check_not_detached,
    is_embedded,
    prepare,
    read_requested,
)
from deepchord.coordinator.runs.presets import PRESETS
from deepchord.coordinator.runs.request import plan_request
from deepchord.coordinator.runs.submission import (
    evaluation_task_id,
    member_task_id,
    resend_evaluation,
    resend_member,
    submit,
    submit_remaining,
)
from deepchord.coordinator.runs.worker_names import shorten_names

__all__ = [
    "PRESETS",
    "MemberDecision",
    "cancel_member",
    "cancel_run",
    "change_priority",
    "check_broker",
    "check_not_detached",
    "check_owner",
    "check_unfinished",
    "decide_members",
    "drain",
    "evaluation_task_id",
    "extend_run",
    "is_embedded",
    "is_own",
    "long_step",
    "member_task_id",
    "next_extension",
    "owner_of",
    "plan_architecture",
    "plan_distillation",
    "plan_extension",
    "plan_member",
    "plan_request",
    "plan_run",
    "prepare",
    "read_requested",
    "resend_evaluation",
    "resend_member",
    "resume_run",
    "shorten_names",
    "submit",
    "submit_remaining",
    "tags_of",
]
