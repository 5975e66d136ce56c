"""Plays forward in which order members are trained, for forecasts and to examine the order; nobody waits here."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from deepchord.shared.shares.accounts import Account, Ledger, WaitingRun, book
from deepchord.shared.shares.order import choose

#: Chooses the run whose member is trained next, from the accounts of all runs, oldest first; see `choose`.
Order = Callable[[Mapping[str, Account]], str | None]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A run with members in a queue, and when they came there."""

    at_s: float
    run: WaitingRun
    #: What each of its members really lasts, in seconds.
    member_s: float


@dataclass(frozen=True, kw_only=True)
class Place:
    """A worker: where members are trained, one after another."""

    #: When it is free for the next one.
    free_s: float = 0.0
    #: The run whose member it trains until then.
    run_id: str | None = None
    #: The queues that it takes from; None: all.
    queues: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class RunTimes:
    """When the members of a run were begun, and when the last one was done, in seconds."""

    begun_s: tuple[float, ...]
    done_s: float


def play(
    arrivals: Iterable[Arrival], places: Sequence[Place], ledger: Ledger | None = None, order: Order = choose
) -> dict[str, RunTimes]:
    """Return when the members of each run would be trained; runs that no worker takes from the queue are left out.

    Args:
        arrivals: The runs.
        places: The workers.
        ledger: The accounts at the beginning; None: there are none.
        order: What decides.
    """
    coming = sorted(arrivals, key=lambda arrival: arrival.at_s, reverse=True)
    fleet = _Fleet(places, ledger or Ledger(), order)
    now_s = 0.0
    while fleet.places and (coming or fleet.waiting):
        if not fleet.waiting:
            now_s = max(now_s, coming[-1].at_s)
        now_s = max(now_s, fleet.places[0][0])
        while coming and coming[-1].at_s <= now_s:
            fleet.arrive(coming.pop())
        if fleet.waiting:
            fleet.look(now_s, coming[-1].at_s if coming else None)
    return {
        run_id: RunTimes(begun_s=tuple(begun_s), done_s=max(begun_s) + fleet.member_s[run_id])
        for run_id, begun_s in fleet.begun_s.items()
    }


class _Fleet:
    """The workers, and what waits for them."""

    def __init__(self, places: Sequence[Place], ledger: Ledger, order: Order) -> None:
        #: When each worker is free, its number, and the worker; the first that is free comes first.
        self.places = [(place.free_s, number, place) for number, place in enumerate(places)]
        heapq.heapify(self.places)
        self._ledger = ledger
        self._order = order
        self.waiting: dict[str, WaitingRun] = {}
        self.member_s: dict[str, float] = {}
        self.begun_s: dict[str, list[float]] = {}

    def arrive(self, arrival: Arrival) -> None:
        """Put a run into its queue."""
        run = arrival.run
        self.waiting[run.run_id] = replace(run, members=run.members or run.waiting)
        self.member_s[run.run_id] = arrival.member_s

    def look(self, now_s: float, next_arrival_s: float | None) -> None:
        """Let the first free worker take a member, or wait for a change if there is none that it may take."""
        _, number, place = heapq.heappop(self.places)
        training = [other.run_id for free_s, _, other in self.places if free_s > now_s]
        seen = [
            self._seen(run, training.count(run.run_id))
            for run in self.waiting.values()
            if place.queues is None or run.queue in place.queues
        ]
        queues = {run.queue for run in seen}
        self._ledger = book(self._ledger, queues, seen)
        chosen = self._order(self._ledger.of(queues))
        if chosen is not None:
            self._take(chosen)
            self.begun_s.setdefault(chosen, []).append(now_s)
            free_s, place = now_s + self.member_s[chosen], replace(place, run_id=chosen)
        else:
            changes = [free_s for free_s, _, _ in self.places if free_s > now_s]
            changes += [] if next_arrival_s is None else [next_arrival_s]
            if not changes:  # nothing will ever come for it
                return
            free_s, place = min(changes), replace(place, run_id=None)
        heapq.heappush(self.places, (free_s, number, place))

    def _seen(self, run: WaitingRun, training: int) -> WaitingRun:
        """Return what is known of a run: how long its members last, once one has ended."""
        begun = len(self.begun_s.get(run.run_id, ()))
        seconds = self.member_s[run.run_id] if begun > training else run.seconds
        return replace(run, training=training, seconds=seconds)

    def _take(self, run_id: str) -> None:
        run = self.waiting[run_id]
        if run.waiting > 1:
            self.waiting[run_id] = replace(run, waiting=run.waiting - 1)
        else:
            del self.waiting[run_id]
