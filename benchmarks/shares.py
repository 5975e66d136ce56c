"""What each order of members does to runs that share a fleet, in simulated days, against ideal even sharing.

A day is a fleet of one to eight workers, and runs that arrive at random over eight hours: most of three to six short
members, some of ten to thirty long ones, together between half of what the fleet can train in that time and one and a
half times as much. The ideal pours the workers' time over all runs by their weights at every moment, as if members
could be divided at will; nobody gets more of it than it has members. What workers do is played by
`deepchord.shared.shares`, without workers.

    python -m benchmarks.shares [--days 10000] [--json FILE]
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe
from deepchord.shared.shares import Account, Arrival, Place, Share, WaitingRun, choose, play
from deepchord.shared.shares.accounts import level

_SEED = 29
_ARRIVE_WITHIN_S = 8 * 3600.0
#: The members of runs, and what they last in seconds: of short and of long runs.
_SHORT, _LONG = ((3, 6), (60.0, 600.0)), ((10, 30), (300.0, 3600.0))
_SHARE_OF_LONG = 0.2
_PRIORITIES = ("low", "normal", "normal", "normal", "high")


def by_arrival(accounts: Mapping[str, Account]) -> str | None:
    """Return the run that has waited longest, as a plain queue does."""
    return next((run_id for run_id, account in accounts.items() if account.waiting and not account.at_limit), None)


def in_turn(accounts: Mapping[str, Account]) -> str | None:
    """Return the run that has had least: start-time fair queuing (Goyal, Vin and Cheng 1996)."""
    ready = [run_id for run_id, account in accounts.items() if account.waiting and not account.at_limit]
    return min(ready, key=lambda run_id: accounts[run_id].had_s, default=None)


Order = Callable[[Mapping[str, Account]], str | None]
_ORDERS: dict[str, Order] = {
    "arrival": by_arrival,
    "in_turn": in_turn,
    "deepchord": choose,
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    generator = np.random.default_rng(_SEED)
    outcomes: dict[str, list[_Outcome]] = {name: [] for name in _ORDERS}
    behind: dict[str, list[float]] = {name: [] for name in _ORDERS}
    for _ in range(arguments.days):
        workers, arrivals = _day(generator)
        ideal = pour(arrivals, workers)
        for name, order in _ORDERS.items():
            found, furthest = _outcomes(arrivals, workers, ideal, order)
            outcomes[name].extend(found)
            behind[name].append(furthest)
    result = {
        "machine": describe(),
        "days": arguments.days,
        "runs": len(outcomes["deepchord"]),
        "orders": {name: _summary(found, behind[name]) for name, found in outcomes.items()},
        "five_and_a_short_one": five_and_a_short_one(),
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """A run in an order. Members are the longest that are trained on its day."""

    is_short: bool
    #: From its arrival to the beginning of its first member, and by how much it is done after the ideal; in members.
    first_wait: float
    late: float
    #: From its arrival to its end, as a multiple of what it would take on an empty fleet.
    stretch: float


def _day(generator: np.random.Generator) -> tuple[int, list[Arrival]]:
    workers = int(generator.integers(1, 9))
    work_s = generator.uniform(0.5, 1.5) * workers * _ARRIVE_WITHIN_S
    arrivals: list[Arrival] = []
    while work_s > 0:
        (fewest, most), (shortest_s, longest_s) = _LONG if generator.random() < _SHARE_OF_LONG else _SHORT
        members = int(generator.integers(fewest, most + 1))
        share = Share.model_validate({"priority": str(generator.choice(_PRIORITIES))})
        run = WaitingRun(run_id=f"run-{len(arrivals)}", queue="deepchord", waiting=members, share=share)
        at_s = float(generator.uniform(0, _ARRIVE_WITHIN_S))
        arrivals.append(Arrival(at_s=at_s, run=run, member_s=float(generator.uniform(shortest_s, longest_s))))
        work_s -= members * arrivals[-1].member_s
    return workers, arrivals


def _outcomes(
    arrivals: Sequence[Arrival],
    workers: int,
    ideal: Mapping[str, float],
    order: Order,
) -> tuple[list[_Outcome], float]:
    """Return how each run of a day fares, and how far a run is behind its share at most, in members of the longest."""
    furthest_s, found = [0.0], []

    def watched(accounts: Mapping[str, Account]) -> str | None:
        level_s = level(accounts.values())
        waiting = (account for account in accounts.values() if account.waiting)
        furthest_s.append(max(((level_s - account.had_s) * account.weight for account in waiting), default=0.0))
        return order(accounts)

    times = play(arrivals, [Place()] * workers, order=watched)
    longest_s = max(arrival.member_s for arrival in arrivals)
    for arrival in arrivals:
        run_id, members = arrival.run.run_id, arrival.run.waiting
        alone_s = -(-members // workers) * arrival.member_s
        found.append(
            _Outcome(
                is_short=members <= _SHORT[0][1],
                first_wait=(times[run_id].begun_s[0] - arrival.at_s) / longest_s,
                late=(times[run_id].done_s - ideal[run_id]) / longest_s,
                stretch=(times[run_id].done_s - arrival.at_s) / alone_s,
            )
        )
    return found, max(furthest_s) / longest_s


def pour(arrivals: Sequence[Arrival], workers: int) -> dict[str, float]:
    """Return when each run would be done if the workers' time were poured over all runs by their weights."""
    coming = sorted(arrivals, key=lambda arrival: arrival.at_s, reverse=True)
    left_s: dict[str, float] = {}
    known = {arrival.run.run_id: arrival.run for arrival in arrivals}
    now_s, done_s = 0.0, dict[str, float]()
    while coming or left_s:
        rates = _rates({run_id: known[run_id] for run_id in left_s}, workers)
        first_end_s = min((now_s + left_s[run_id] / rates[run_id] for run_id in left_s), default=float("inf"))
        until_s = min(first_end_s, coming[-1].at_s if coming else float("inf"))
        left_s = {run_id: seconds - rates[run_id] * (until_s - now_s) for run_id, seconds in left_s.items()}
        now_s = until_s
        for run_id in [run_id for run_id, seconds in left_s.items() if seconds <= 1e-6]:
            done_s[run_id] = now_s
            del left_s[run_id]
        while coming and coming[-1].at_s <= now_s:
            arrival = coming.pop()
            left_s[arrival.run.run_id] = arrival.run.waiting * arrival.member_s
    return done_s


def _rates(runs: Mapping[str, WaitingRun], workers: int) -> dict[str, float]:
    """Return how many workers each run has in the ideal: by weight, but no more than it has members."""
    rates: dict[str, float] = {}
    open_runs, free = dict(runs), float(workers)
    while open_runs:
        weight = sum(run.share.weight for run in open_runs.values())
        full = [run_id for run_id, run in open_runs.items() if free * run.share.weight / weight >= run.waiting]
        if not full:
            return rates | {run_id: free * run.share.weight / weight for run_id, run in open_runs.items()}
        for run_id in full:
            rates[run_id] = float(open_runs.pop(run_id).waiting)
        free -= sum(rates[run_id] for run_id in full)
    return rates


def five_and_a_short_one() -> dict[str, Any]:
    """Return when six runs on two workers are done, in members: five of 20, and after them one of three."""

    def of(name: str, members: int, at_s: float) -> Arrival:
        run = WaitingRun(run_id=name, queue="deepchord", waiting=members)
        return Arrival(at_s=at_s, run=run, member_s=1.0)

    found: dict[str, Any] = {}
    for at_s in (0.0, 0.5, 10.25):
        five = [of(f"long-{number}", 20, 0.0) for number in range(5)]
        for name, order in _ORDERS.items():
            without = play(five, [Place()] * 2, order=order)
            together = play([*five, of("short", 3, at_s)], [Place()] * 2, order=order)
            found.setdefault(name, {})[f"short_at_{at_s:g}"] = {
                "short_takes": together["short"].done_s - at_s,
                "short_waits": together["short"].begun_s[0] - at_s,
                "long_lose_at_most": max(together[run].done_s - without[run].done_s for run in without),
            }
    return {"short_alone_takes": 2.0, **found}


def _summary(outcomes: Sequence[_Outcome], behind: Sequence[float]) -> dict[str, Any]:
    late = np.array([outcome.late for outcome in outcomes])
    waits = np.array([outcome.first_wait for outcome in outcomes])
    stretch = np.array([outcome.stretch for outcome in outcomes if outcome.is_short])
    return {
        "furthest_behind_on_a_day_in_members": {
            "median": round(float(np.median(behind)), 3),
            "most": round(float(np.max(behind)), 3),
        },
        "done_after_ideal_in_members": {
            "median": round(float(np.median(late)), 3),
            "p99": round(float(np.quantile(late, 0.99)), 3),
            "most": round(float(late.max()), 3),
        },
        "first_member_waits_in_members": {
            "median": round(float(np.median(waits)), 3),
            "p99": round(float(np.quantile(waits, 0.99)), 3),
            "most": round(float(waits.max()), 3),
        },
        "short_runs_take_times_alone": {
            "median": round(float(np.median(stretch)), 2),
            "p99": round(float(np.quantile(stretch, 0.99)), 2),
        },
    }


if __name__ == "__main__":
    main()
