"""Looks at views of runs, and has recorded in a thread what has changed: a tracker that hangs stops no run."""

import logging
import queue
import threading

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.tracking.addresses import open_trackers
from deepchord.coordinator.tracking.recording import record_run
from deepchord.coordinator.tracking.tracker import Tracker
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)

#: How long a command that has done its work waits until all is recorded; a report may have to be drawn and sent.
FINISH_WITHIN_S = 60.0


class Recorder:
    """Records runs in all trackers of the settings. It never fails, and never waits before `close`."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        """Take the trackers; nothing is recorded yet.

        Args:
            settings: Where runs are recorded.
            store: Shared storage.

        Raises:
            InputError: An address is not valid.
        """
        self._settings = settings
        self._store = store
        self._trackers = open_trackers(settings.track, store)
        #: What was last seen of each run, and whether its report was asked for.
        self._seen: dict[str, tuple[tuple[object, ...], bool]] = {}
        self._warned: set[str] = set()
        #: None: nothing more comes.
        self._waiting: queue.Queue[tuple[RunSpec, bool] | None] = queue.Queue()
        self._all_done = threading.Condition()
        self._open = 0
        threading.Thread(target=self._work, name="trackers", daemon=True).start()

    def see(self, view: RunView) -> None:
        """Have recorded what is new of a run; its report not, for drawing it may disturb who draws it, too."""
        self._ask_for(view, with_report=False)

    def see_end(self, view: RunView) -> None:
        """Have recorded what is new of a run that has ended, and its report."""
        self._ask_for(view, with_report=True)

    def close(self) -> None:
        """Wait until all is recorded, for a limited time; nothing is seen after."""
        self._waiting.put(None)
        with self._all_done:
            if not self._all_done.wait_for(lambda: self._open == 0, FINISH_WITHIN_S):
                logger.warning("Not everything could be recorded in time; %s", _REMEDY)

    def _ask_for(self, view: RunView, *, with_report: bool) -> None:
        signs = (view.run.extension, view.state, frozenset(view.records))
        with self._all_done:
            if self._seen.get(view.run.run_id) in ((signs, True), (signs, with_report)):
                return
            self._seen[view.run.run_id] = (signs, with_report)
            self._open += 1
        self._waiting.put((view.run, with_report))

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            run, with_report = asked
            for tracker in self._trackers:
                self._record(run, tracker, with_report)
            with self._all_done:
                self._open -= 1
                self._all_done.notify_all()

    def _record(self, run: RunSpec, tracker: Tracker, with_report: bool) -> None:
        try:
            record_run(self._settings, self._store, run, tracker, with_report=with_report)
            return
        except DeepchordError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the run goes on; its text might hold a password
            why = f"{tracker.label} ended with an unexpected {type(error).__name__}."
        self._seen.pop(run.run_id, None)  # the next view tries it again
        self._warn(run, tracker, why)

    def _warn(self, run: RunSpec, tracker: Tracker, why: str) -> None:
        if tracker.label not in self._warned:
            self._warned.add(tracker.label)
            logger.warning(
                "Run %s is not recorded: %s The run is not concerned; %s",
                run.run_id,
                why,
                _REMEDY,
                extra={"run_id": run.run_id},
            )


_REMEDY = "`deepchord track RUN ADDRESS` records it later."
