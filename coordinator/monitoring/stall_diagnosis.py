"""Finds out why a run stands still, as far as broker and storage show it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import redis
from kombu.exceptions import OperationalError

from deepchord.coordinator.local import session_of
from deepchord.coordinator.monitoring.run_view import RunView, StallKind
from deepchord.shared.broker import WorkerRegistry
from deepchord.shared.command_line import label
from deepchord.shared.errors import StorageError
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import QUEUE, queue_for
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore


@dataclass(frozen=True, kw_only=True)
class Stall:
    """Why a run stands still."""

    kind: StallKind
    #: A sentence without a full stop.
    reason: str


STARTING = Stall(
    kind="starting", reason="the workers on this machine are starting: they load their engine and examine the device"
)
UNREACHABLE = Stall(
    kind="unreachable",
    reason="the command that trains it has a broker of its own, which is not to be found here; if it is gone, "
    "`deepchord resume` goes on",
)
#: Workers that are connected take a member within this time.
_TAKEN_WITHIN_S = 8.0
#: How many workers a sentence names at most.
_MAX_NAMES = 8


def unreachable_broker(settings: Settings, store: RunStore, run: RunSpec) -> str | None:
    """Return a sentence if the run has a broker of its own that is not on this machine; None if not, or not known."""
    try:
        return UNREACHABLE.reason if store.is_local(run.run_id) and session_of(settings, run.run_id) is None else None
    except StorageError:
        return None


def stands_still(view: RunView, before: RunView | None) -> bool:
    """Return whether a run stands still.

    A run whose state is `waiting` stands still if no worker took it within the usual time; any other run does if
    nothing has changed since the previous view.
    """
    return view.elapsed_s() >= _TAKEN_WITHIN_S if view.state == "waiting" else not has_moved(view, before)


def has_moved(view: RunView, before: RunView | None) -> bool:
    """Return whether the run or any member has made progress since the view before; True if there was none."""
    if before is None:
        return True
    return (view.state, view.progress, view.records.keys()) != (before.state, before.progress, before.records.keys())


def missing_workers(
    ask: Callable[[], Mapping[str, Collection[str]]], registry: WorkerRegistry, view: RunView, before: RunView | None
) -> Stall | None:
    """Return why no worker works on the run; None if one may be working on it.

    Args:
        ask: Returns the queues that each connected worker takes messages from.
        registry: The list of workers at the run's broker.
        view: The run as it is now.
        before: The run as it was when this was last asked; None: never.
    """
    if not stands_still(view, before):
        return None
    try:
        connected = ask()
        waiting = None if connected else _waiting_workers(registry)
    except (redis.RedisError, OperationalError):
        return None  # the next view shows that the broker does not answer
    is_waiting = view.state == "waiting"
    required = QUEUE if view.state == "evaluating" else queue_for(view.run.require)
    if any(required in queues for queues in connected.values()):
        busy = "no worker has taken a member yet: those that could are busy"
        return Stall(kind="busy", reason=busy) if is_waiting else None
    if not connected:
        if waiting is not None:
            return Stall(kind="no_workers", reason=waiting)
        more = "" if is_waiting else " any more"
        none = f"no worker is connected to this broker{more}: `deepchord worker` starts one"
        return Stall(kind="no_workers", reason=none)
    listed = ", ".join(sorted(connected)[:_MAX_NAMES])
    return Stall(
        kind="no_workers", reason=f"no connected worker serves --require {view.run.require}; connected are {listed}"
    )


def _waiting_workers(registry: WorkerRegistry) -> str | None:
    """Return a sentence about the workers that wait until they may use their machine; None if there are none."""
    waiting = [status.info for status in registry.statuses() if status.info.waits_for is not None]
    if not waiting:
        return None
    more = len(waiting) - _MAX_NAMES
    listed = "; ".join(label(f"{info.name} waits {info.waits_for}") for info in waiting[:_MAX_NAMES])
    return listed if more <= 0 else f"{listed}; {more} more wait"
