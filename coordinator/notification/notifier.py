"""Looks at views of runs, and has told what there is to tell of them."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.notification.claims import Claims
from deepchord.coordinator.notification.courier import Courier
from deepchord.coordinator.notification.notice import Notice
from deepchord.coordinator.notification.occasions import Event, Occasion, Seen, end_of, look, standstill
from deepchord.coordinator.notification.recipients import open_recipients
from deepchord.shared.errors import DeepchordError, WorkersStoppedError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import with_full_stop

#: How long a command that has done its work waits for notices on their way: all attempts of one, and a little more.
FINISH_WITHIN_S = 25.0


class Notifier:
    """Tells all recipients of the settings how runs go. It never fails, and never waits before `close`."""

    def __init__(self, settings: Settings, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the recipients; nothing is sent.

        Args:
            settings: Who is told.
            store: Shared storage.
            clock: Returns seconds.

        Raises:
            InputError: An address is not valid.
        """
        self._host = settings.host
        self._stall_timeout_s = settings.stall_timeout_s
        self._clock = clock
        self._couriers: Sequence[Courier] = [
            Courier(recipient, Claims(store, recipient.address, settings.host))
            for recipient in open_recipients(settings)
        ]
        self._seen: dict[str, Seen] = {}

    def see(self, view: RunView) -> None:
        """Take notice of a run as it is now."""
        now, at = self._clock(), datetime.now(UTC)
        run_id = view.run.run_id
        if view.state in ("evaluated", "failed", "cancelled"):
            self._seen.pop(run_id, None)
            self._offer(end_of(view, at), view)
            return
        seen = look(self._seen.get(run_id, Seen()), view, now, self._stall_timeout_s)
        self._seen[run_id] = seen
        self._offer(standstill(seen, view, now, at), view)

    def see_trouble(self, view: RunView, error: DeepchordError | str) -> None:
        """Take notice that a run does not go on by itself, because of an error."""
        event: Event = "no_workers" if isinstance(error, WorkersStoppedError) else "stalled"
        reason = str(error) if isinstance(error, DeepchordError) else f"Run {view.run.run_id} does not go on: {error}"
        sentence = with_full_stop(" ".join(reason.split()))
        self._offer(Occasion(event=event, sentence=sentence, at=datetime.now(UTC)), view)

    def close(self) -> None:
        """Wait for the notices that are on their way, for a limited time."""
        deadline = time.monotonic() + FINISH_WITHIN_S
        for courier in self._couriers:
            courier.finish(max(0.0, deadline - time.monotonic()))

    def _offer(self, occasion: Occasion | None, view: RunView) -> None:
        if occasion is None:
            return
        notice = Notice.of(occasion, view, self._host)
        for courier in self._couriers:
            courier.offer(notice)
