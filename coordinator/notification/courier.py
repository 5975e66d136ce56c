"""Brings notices to one recipient in a thread of its own: whatever the recipient does, the run goes on."""

import logging
import queue
import threading
import time
from collections.abc import Callable

import tenacity

from deepchord.coordinator.notification.claims import Claims
from deepchord.coordinator.notification.notice import Notice
from deepchord.coordinator.notification.recipients import Recipient
from deepchord.shared.errors import DeepchordError, NoticeError

logger = logging.getLogger(__name__)

#: How often a notice is sent at most.
_ATTEMPTS = 3
#: The pause before the second attempt; that before the third is twice as long.
_FIRST_WAIT_S = 1.0
#: What another one has claimed is looked at again after this time.
_AGAIN_AFTER_S = 60.0


class Courier:
    """Tells one recipient each notice once, as far as storage knows."""

    def __init__(self, recipient: Recipient, claims: Claims, clock: Callable[[], float] = time.monotonic) -> None:
        """Start to wait for notices.

        Args:
            recipient: Who is told.
            claims: The recipient's claims.
            clock: Returns seconds.
        """
        self._recipient = recipient
        self._claims = claims
        self._clock = clock
        #: The notices that were offered, and when each may be offered again.
        self._offered: dict[str, float] = {}
        #: None: nothing more comes.
        self._waiting: queue.Queue[Notice | None] = queue.Queue()
        self._all_done = threading.Condition()
        self._open = 0
        threading.Thread(target=self._work, name=f"notices to {recipient.label}", daemon=True).start()

    def offer(self, notice: Notice) -> None:
        """Have the recipient told, unless it was, or is about to be; return at once."""
        with self._all_done:
            if self._clock() < self._offered.get(notice.id, 0.0):
                return
            self._offered[notice.id] = float("inf")
            self._open += 1
        self._waiting.put(notice)

    def finish(self, within_s: float) -> None:
        """Wait until all that was offered is told or given up, for so many seconds; nothing is offered after."""
        self._waiting.put(None)
        with self._all_done:
            if not self._all_done.wait_for(lambda: self._open == 0, within_s):
                logger.warning("The %s is still busy with a notice, and is left to it.", self._recipient.label)

    def _work(self) -> None:
        while (notice := self._waiting.get()) is not None:
            try:
                self._deliver(notice)
            except Exception as error:  # noqa: BLE001  whatever it is, the run goes on; its text might hold the address
                self._warn(notice, f"an unexpected {type(error).__name__}")
            with self._all_done:
                self._open -= 1
                self._all_done.notify_all()

    def _deliver(self, notice: Notice) -> None:
        try:
            is_ours = self._claims.take(notice)
        except DeepchordError:
            is_ours = True  # better twice than never; who gets it twice can tell by its id
        if is_ours is None:
            with self._all_done:
                self._offered[notice.id] = self._clock() + _AGAIN_AFTER_S
        if not is_ours:
            return
        try:
            self._send(notice)
        except NoticeError as error:
            self._warn(notice, str(error))
            return
        try:
            self._claims.note_told(notice)
        except DeepchordError as error:
            logger.info("That the %s was told could not be noted: %s", self._recipient.label, error)

    def _send(self, notice: Notice) -> None:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, NoticeError) and error.transient),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=_FIRST_WAIT_S),
            reraise=True,
        )
        attempts(lambda: self._recipient.tell(notice))

    def _warn(self, notice: Notice, why: str) -> None:
        logger.warning(
            "The %s was not told that %s: %s; the run is not concerned.",
            self._recipient.label,
            f"{notice.title[:1].lower()}{notice.title[1:]}",
            why,
            extra={"run_id": notice.run_id},
        )
