"""The decision which lost members, and whether a lost evaluation, are to be sent again now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deepchord.shared.broker import RENEWAL_INTERVAL_S

#: A part that was rung so often without coming any further is not rung in hope any more …
MOST_FRUITLESS = 3
#: … until so long after: workers that fit may have come.
HOPE_AGAIN_AFTER_S = 600.0
#: If the broker has lost its memory, whoever holds a lease takes it again within this time.
_HELD_AGAIN_AFTER_S = RENEWAL_INTERVAL_S + 1.0


@dataclass(frozen=True, kw_only=True)
class Rung:
    """When a part was last rung, how far it had come, and how often in a row without coming further."""

    #: See `deepchord.shared.storage.progress_of`.
    progress: int
    times: int
    at: float

    def is_fruitless(self, progress: int, now: float) -> bool:
        """Say whether ringing once more, having come so far by now, is no use at present."""
        return progress == self.progress and self.times >= MOST_FRUITLESS and now - self.at < HOPE_AGAIN_AFTER_S

    def again(self, progress: int, now: float) -> "Rung":
        """Return what is to be remembered of ringing once more."""
        goes_on = progress == self.progress and self.times < MOST_FRUITLESS
        return Rung(progress=progress, times=self.times + 1 if goes_on else 1, at=now)


@dataclass(kw_only=True)
class Memory:
    """What a reconciler has seen of a run."""

    #: When each lost part was first found to be lost.
    lost_since: dict[int, float] = field(default_factory=dict)
    #: Parts that somebody worked at when last seen, or before they were lost, and when their leases end by themselves.
    held: dict[int, float] = field(default_factory=dict)
    #: What is remembered of ringing each part again.
    rung: dict[int, Rung] = field(default_factory=dict)
    #: Members whose records were read and are whole.
    sound: set[int] = field(default_factory=set)
    #: When the queue was last read.
    read_at: float | None = None


def due(memory: Memory, lost: Iterable[int], held: Mapping[int, float], now: float, patience_s: float) -> list[int]:
    """Return which of the lost parts are to be rung now, and remember the others.

    One that somebody worked at is rung when its lease has ended by itself. If it went before its time, the broker has
    forgotten it, and whoever holds it may take it again. One that was never begun is rung after a while: its message
    may just be on its way from the queue to a worker.

    Args:
        memory: What was seen so far; changed.
        lost: Parts that are not done, not held and not in the queue.
        held: Parts that somebody works at, and for how many seconds their leases last.
        now: Seconds, on any clock that goes forward.
        patience_s: How long one that was never begun may be on its way.
    """
    lost = set(lost)
    memory.lost_since = {part: memory.lost_since.get(part, now) for part in lost}

    def is_due(part: int) -> bool:
        since = now - memory.lost_since[part]
        was_held = part in memory.held
        return since >= patience_s or (was_held and (now >= memory.held[part] or since >= _HELD_AGAIN_AFTER_S))

    found = {part for part in lost if is_due(part)}
    waiting = {part: end for part, end in memory.held.items() if part in lost - found}
    memory.held = {part: now + remaining_s for part, remaining_s in held.items()} | waiting
    for part in found:  # rung now; looked at again only after as long a wait
        memory.lost_since[part] = now
    return sorted(found)
