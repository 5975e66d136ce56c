"""Broker and workers of this process that stay for its next run: starting them takes longer than a small training."""

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from deepchord.coordinator.running.broker_session import BrokerSession, open_broker
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings


@dataclass(kw_only=True, eq=False)
class _KeptSession:
    """A session that its next run may take over."""

    #: The settings that it was opened with.
    asked: Settings
    session: BrokerSession
    #: Stops broker and workers.
    closing: ExitStack
    #: The most members, and the most training pixels, for which its workers were chosen.
    members: int
    pixels: int
    #: The process that has started it; a fork of it has not.
    process: int = field(default_factory=os.getpid)
    #: Ends it if no run takes it over in time.
    timer: threading.Timer | None = None

    def suits(self, settings: Settings, run: RunSpec) -> bool:
        """Return whether a run with these settings would have opened a session of no more workers."""
        has_room = run.dataset.train_pixels <= max(self.pixels, _SMALL_PIXELS)
        return self.asked == settings and run.members <= self.members and has_room


#: A data set of so many training pixels hardly counts in the memory of a worker.
_SMALL_PIXELS = 2**25

_lock = threading.Lock()
#: Those that no run uses now.
_idle: list[_KeptSession] = []


@contextmanager
def open_kept_broker(
    settings: Settings, run: RunSpec, report: Callable[[str], None], keep_s: float
) -> Iterator[BrokerSession]:
    """Use a broker as `open_broker` does, or take over one that this process has kept from an earlier run.

    Args:
        settings: See `open_broker`.
        run: See `open_broker`.
        report: See `open_broker`.
        keep_s: How many seconds broker and workers that were started here stay after the block, if no run takes them
            over; 0: they are stopped at once. They are stopped at the interpreter's end, and after an error.

    Raises:
        DeepchordError: See `open_broker`.
    """
    kept = _taken_over(settings, run)
    if kept is None:
        with ExitStack() as stack:
            session = stack.enter_context(open_broker(settings, run, report))
            kept = _KeptSession(
                asked=settings,
                session=session,
                closing=stack.pop_all(),
                members=run.members,
                pixels=run.dataset.train_pixels,
            )
    with ExitStack() as closing:
        closing.push(kept.closing)
        yield kept.session
        if keep_s > 0 and kept.session.embedded:
            closing.pop_all()
            _keep(kept, keep_s)


def _taken_over(settings: Settings, run: RunSpec) -> _KeptSession | None:
    """Return a kept session whose processes are alive, and stop those that do not suit: they hold memory."""
    with _lock:
        waiting = [kept for kept in _idle if kept.process == os.getpid()]
        _idle.clear()
    for kept in waiting:
        if kept.timer is not None:
            kept.timer.cancel()
    found = None
    for kept in waiting:
        if found is None and kept.suits(settings, run) and _serves(kept, run):
            found = kept
        else:
            kept.closing.close()
    return found


def _serves(kept: _KeptSession, run: RunSpec) -> bool:
    try:
        kept.session.check()
        kept.session.serve(run.run_id)
    except (DeepchordError, OSError):
        return False
    return True


def _keep(kept: _KeptSession, keep_s: float) -> None:
    with _lock:
        atexit.unregister(close_kept_sessions)
        atexit.register(close_kept_sessions)
        _idle.append(kept)
        kept.timer = threading.Timer(keep_s, _close, [kept])
        kept.timer.daemon = True
        kept.timer.start()


def _close(kept: _KeptSession) -> None:
    """Stop a session, unless a run has taken it over."""
    with _lock:
        if kept not in _idle:
            return
        _idle.remove(kept)
    kept.closing.close()


def close_kept_sessions() -> None:
    """Stop all brokers and workers that are kept and not in use."""
    atexit.unregister(close_kept_sessions)
    for kept in list(_idle):
        if kept.process == os.getpid():
            _close(kept)
