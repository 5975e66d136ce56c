"""Follows a run in a thread: for programs that go on while members are trained, and that may end before they are."""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterator

from deepchord.coordinator.monitoring import RunView, raise_if_failed, watch_run
from deepchord.coordinator.running.automatic_members import at_its_largest, extend_by_itself
from deepchord.coordinator.running.broker_session import BrokerSession
from deepchord.coordinator.running.kept_sessions import open_kept_broker
from deepchord.coordinator.running.observers import Observers, observing
from deepchord.shared.errors import InterruptedRunError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2


class BackgroundRun:
    """A run that a thread brings to its end, with broker and workers of its own if no broker is given.

    When the interpreter ends, the workers are stopped; they save what they have.
    """

    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        run: RunSpec,
        start: Callable[[BrokerSession], RunSpec],
        *,
        keep_s: float = 0.0,
    ) -> None:
        """Open the broker and start the run; return when it is submitted.

        Args:
            settings: Which broker, and how many workers.
            store: Shared storage.
            run: The run.
            start: Sends the run to the broker, and returns it as it is then.
            keep_s: How many seconds broker and workers of this process stay after the run, for a next one.

        Raises:
            DeepchordError: The broker or the workers do not start, or the run cannot be sent.
        """
        self._settings = settings
        self._store = store
        self._start = start
        self._keep_s = keep_s
        self._run = run
        self._view: RunView | None = None
        self._error: BaseException | None = None
        #: Whether somebody was told how it ended.
        self.is_told = False
        self._is_submitted = threading.Event()
        self._must_stop = threading.Event()
        self._thread = threading.Thread(target=self._bring_to_its_end, name=f"run {run.run_id}", daemon=True)
        self._thread.start()
        try:
            while not self._is_submitted.wait(_LOOK_EVERY_S) and self._thread.is_alive():
                pass
        except BaseException:
            self.stop()
            raise
        if not self._is_submitted.is_set() and self._error is not None:
            raise self._error

    @property
    def view(self) -> RunView | None:
        """The last view of the run; None: there was none yet."""
        return self._view

    @property
    def is_alive(self) -> bool:
        """Whether the run is being followed."""
        return self._thread.is_alive()

    def views(self) -> Iterator[RunView]:
        """Yield views of the run until it is no longer followed; at least one, unless it could not be seen at all.

        Raises:
            DeepchordError: Following it has failed.
        """
        shown: RunView | None = None
        while True:
            ended = not self._thread.is_alive()
            view = self._view
            if view is not None and view is not shown:
                shown = view
                yield view
            if ended:
                break
            time.sleep(_LOOK_EVERY_S)
        if self._error is not None:
            self.is_told = True
            raise self._error

    def wait(self, timeout_s: float | None = None) -> RunView | None:
        """Wait until the run has ended and its broker and workers are stopped; return the last view of it.

        Args:
            timeout_s: How long to wait at most; None: as long as it takes.

        Returns:
            The last view; None if the time is over before.

        Raises:
            RunFailedError: The run ended without an evaluation.
            RunCancelledError: Somebody cancelled it.
            DeepchordError: Following it has failed.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._thread.is_alive():
            if deadline is not None and time.monotonic() >= deadline:
                return None
            # In pieces: an interrupt has to come through on every system.
            self._thread.join(_LOOK_EVERY_S)
        self.is_told = True
        if self._error is not None:
            raise self._error
        if self._view is not None:
            raise_if_failed(self._view)
        return self._view

    def stop(self) -> None:
        """Stop broker and workers, if this process has started them; what was trained is saved."""
        self._must_stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        atexit.unregister(self.stop)

    def _bring_to_its_end(self) -> None:
        try:
            opening = open_kept_broker(self._settings, at_its_largest(self._run), logger.info, self._keep_s)
            with observing(self._settings, self._store) as observers, opening as session:
                # Registered after the session's own way to stop, so that it comes first when the interpreter ends.
                atexit.unregister(self.stop)
                atexit.register(self.stop)
                self._raise_if_stopped(session)
                run: RunSpec | None = self._start(session)
                self._is_submitted.set()
                while run is not None:
                    self._run = run
                    self._follow(session, run, observers)
                    view = self._view
                    if view is None or view.evaluation is None:
                        return
                    self._raise_if_stopped(session)
                    run = extend_by_itself(session, self._store, view.run, logger.info)
        except BaseException as error:  # noqa: BLE001  whatever it is, who waits for the run has to be told
            self._error = error
        finally:
            atexit.unregister(self.stop)

    def _follow(self, session: BrokerSession, run: RunSpec, observers: Observers) -> None:
        def check() -> None:
            self._raise_if_stopped(session)
            session.check()

        views = watch_run(session.settings, self._store, run, check, embedded=session.embedded, extends=True)
        for view in observers.follow(views):
            self._view = view
            self._run = view.run

    def _raise_if_stopped(self, session: BrokerSession) -> None:
        if self._must_stop.is_set():
            what = "its workers are stopped" if session.embedded else "it goes on at the workers"
            name = self._run.run_id
            raise InterruptedRunError(
                f"Run {name} is no longer followed, and {what}; `deepchord resume {name}` goes on."
            )
