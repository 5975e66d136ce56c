"""Decides which lost parts of a run are sent again now. A part is a member, by its index, or the evaluation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deepchord.shared.broker import RENEWAL_INTERVAL_S

#: A part that was sent this many times in a row without any progress is not sent again for `RESEND_AGAIN_AFTER_S`.
MAX_FRUITLESS_RESENDS = 3
#: After this time such a part is sent again: workers that can train it may have been started.
RESEND_AGAIN_AFTER_S = 600.0
#: If the broker lost its data, the holder of a lease takes it again within this time.
_LEASE_TAKEN_AGAIN_WITHIN_S = RENEWAL_INTERVAL_S + 1.0


@dataclass(frozen=True, kw_only=True)
class ResendState:
    """When a part was last sent again, how far it was then, and how often it was sent without progress."""

    #: See `deepchord.shared.storage.progress_count`.
    progress: int
    #: How often in a row it was sent without progress.
    times: int
    #: Seconds, on the clock of the reconciler.
    at: float

    def is_exhausted(self, progress: int, now: float) -> bool:
        """Return whether sending the part again is useless at present.

        Args:
            progress: How far the part is by now.
            now: Seconds, on the same clock as `at`.
        """
        return (
            progress == self.progress and self.times >= MAX_FRUITLESS_RESENDS and now - self.at < RESEND_AGAIN_AFTER_S
        )

    def after_resend(self, progress: int, now: float) -> "ResendState":
        """Return the state after the part was sent once more; see `is_exhausted`."""
        continues = progress == self.progress and self.times < MAX_FRUITLESS_RESENDS
        return ResendState(progress=progress, times=self.times + 1 if continues else 1, at=now)


@dataclass(kw_only=True)
class Observations:
    """What a reconciler has seen of a run so far."""

    #: When each lost part was found to be lost, or was last due to be sent again; seconds on the reconciler's clock.
    lost_since: dict[int, float] = field(default_factory=dict)
    #: When the lease of each part expires if nobody renews it; of parts that are held, or were held before they were
    #: lost.
    lease_ends: dict[int, float] = field(default_factory=dict)
    #: The state of each part that was sent again.
    resends: dict[int, ResendState] = field(default_factory=dict)
    #: Members whose records were read and are not damaged.
    intact: set[int] = field(default_factory=set)
    #: When the queue was last read.
    queue_read_at: float | None = None


def due(seen: Observations, lost: Iterable[int], held: Mapping[int, float], now: float, patience_s: float) -> list[int]:
    """Return which lost parts are to be sent again now, and update the observations.

    A part that was held is due when its lease has expired by itself. If the lease vanished earlier, the broker has
    lost its data, and the holder may take the lease again: the part is due when the time for that is over. A part that
    was never held is due after a while: its message may be on its way from the queue to a worker.

    Args:
        seen: What was seen so far; changed.
        lost: Parts that are not done, not held and not in the queue.
        held: Parts that a worker holds, with the seconds until their leases expire.
        now: Seconds, on a monotonic clock.
        patience_s: How long the message of a part that was never held may be on its way.
    """
    lost = set(lost)
    seen.lost_since = {part: seen.lost_since.get(part, now) for part in lost}

    def is_due(part: int) -> bool:
        since = now - seen.lost_since[part]
        was_held = part in seen.lease_ends
        return since >= patience_s or (
            was_held and (now >= seen.lease_ends[part] or since >= _LEASE_TAKEN_AGAIN_WITHIN_S)
        )

    result = {part for part in lost if is_due(part)}
    not_yet = {part: end for part, end in seen.lease_ends.items() if part in lost - result}
    seen.lease_ends = {part: now + remaining_s for part, remaining_s in held.items()} | not_yet
    for part in result:  # it is sent now, and the waiting begins again
        seen.lost_since[part] = now
    return sorted(result)
