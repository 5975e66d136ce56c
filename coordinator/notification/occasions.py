"""Decides what there is to tell of a run: that it has ended, that it stands still, that it has no workers."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from deepchord.coordinator.monitoring import RunView, outcome
from deepchord.coordinator.runs import decide_members
from deepchord.shared.validation import with_full_stop

Event = Literal["evaluated", "failed", "stalled", "no_workers"]
EVENTS: tuple[Event, ...] = get_args(Event)

#: What may mend itself, as a worker that starts does, is told when it has lasted so long.
_LASTING_S = 60.0
#: An end that was longer ago is no news.
_MAX_AGE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What there is to tell of a run."""

    event: Event
    #: One or two sentences.
    sentence: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a run that has not ended; times are seconds on the clock of who looks."""

    #: The last view in which something had changed, and when that was.
    changed: RunView | None = None
    changed_at: float = 0.0
    #: What keeps the run from going on, and since when.
    trouble: tuple[Event, str] | None = None
    trouble_since: float = 0.0
    #: Whether the broker has answered before.
    was_live: bool = False


def end_of(view: RunView, now: datetime) -> Occasion | None:
    """Return that a run is evaluated or has failed; None if it goes on, was cancelled, or ended long ago.

    A run with `members = "auto"` goes on as long as more members help.
    """
    run, evaluation, failure = view.run, view.evaluation, view.failure
    if evaluation is not None:
        decision = decide_members(run, evaluation)
        if decision is not None and decision.extended is not None:
            return None
        members = f"{evaluation.trained} of {evaluation.requested} members"
        sentence = f"Run {run.run_id} is evaluated. {outcome(run, evaluation)}, with {members}."
        end = Occasion(event="evaluated", sentence=sentence, at=evaluation.evaluated_at)
    elif failure is not None:
        sentence = with_full_stop(f"Run {run.run_id} failed: {failure.reason}")
        end = Occasion(event="failed", sentence=sentence, at=failure.failed_at)
    else:
        return None
    return end if now - end.at <= _MAX_AGE else None


def look(seen: Seen, view: RunView, now: float, stall_timeout_s: float) -> Seen:
    """Return what was seen of a run after one more view of it.

    Args:
        seen: What was seen before.
        view: The run as it is now.
        now: Seconds.
        stall_timeout_s: A run in training in which nothing changes for so long stands still.
    """
    if seen.changed is None or _signs(seen.changed) != _signs(view):
        seen = replace(seen, changed=view, changed_at=now)
    trouble = _trouble(seen, view, now, stall_timeout_s)
    lasts = trouble is not None and seen.trouble is not None and trouble[0] == seen.trouble[0]
    return replace(
        seen,
        trouble=trouble,
        trouble_since=seen.trouble_since if lasts else now,
        was_live=seen.was_live or view.live,
    )


def standstill(seen: Seen, view: RunView, now: float, at: datetime) -> Occasion | None:
    """Return that a run stands still, or has no workers, if that has lasted a while.

    Args:
        seen: What was seen of the run, this view included.
        view: The run as it is now.
        now: Seconds.
        at: The same moment, as a date.
    """
    if seen.trouble is None or now - seen.trouble_since < _LASTING_S:
        return None
    event, reason = seen.trouble
    return Occasion(event=event, sentence=with_full_stop(f"Run {view.run.run_id} does not go on: {reason}"), at=at)


def _trouble(seen: Seen, view: RunView, now: float, stall_timeout_s: float) -> tuple[Event, str] | None:
    if view.stall_kind == "no_workers":
        return "no_workers", view.stall_reason or "no worker is connected"
    if view.stall_kind == "broker":
        return "stalled", view.stall_reason or "its broker does not work"
    if seen.was_live and not view.live:
        return "stalled", "its broker does not answer any more"
    if view.state == "training" and view.live and view.stall_kind is None and now - seen.changed_at >= stall_timeout_s:
        minutes = round((now - seen.changed_at) / 60)
        return "stalled", f"no member of it has made progress for {minutes} minutes"
    return None


def _signs(view: RunView) -> tuple[object, ...]:
    """Return what differs between two views of a run that goes on."""
    return view.run.extension, view.state, view.progress, view.records.keys(), view.notes
