"""Looks at this machine again and again: may workers use it now?"""

import logging
import time
from collections.abc import Callable

from deepchord.worker.availability.decision import BEGINNING, Decision, Observation, Terms, Wait, Work, decide

logger = logging.getLogger(__name__)

#: How often the machine is looked at.
LOOK_EVERY_S = 0.5


class Availability:
    """Whether workers may use this machine now; what changes is logged."""

    def __init__(
        self, terms: Terms, observe: Callable[[], Observation], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create it.

        Args:
            terms: On which terms workers may use the machine.
            observe: Returns what is known of the machine now.
            clock: Returns seconds.
        """
        self._terms = terms
        self._observe = observe
        self._clock = clock
        self._standing = BEGINNING
        self._looked_at_s: float | None = None

    def look(self) -> Decision:
        """Return what the workers do now; the machine is looked at twice a second at most."""
        now = self._clock()
        if self._looked_at_s is not None and now - self._looked_at_s < LOOK_EVERY_S:
            return self._standing.decision
        before, is_first = self._standing.decision, self._looked_at_s is None
        self._looked_at_s = now
        self._standing = decide(self._terms, self._observe(), self._standing)
        decision = self._standing.decision
        if is_first or type(decision) is not type(before):
            _log(decision)
        return decision


def _log(decision: Decision) -> None:
    match decision:
        case Work():
            logger.info("The machine may be used: its workers take members.")
        case Wait(reason=reason):
            logger.info("This machine takes no members, but waits %s.", reason)
        case _:
            logger.info("The workers of this machine end, for %s.", decision.reason)
