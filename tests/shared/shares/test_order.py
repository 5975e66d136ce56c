"""In which order members of several runs are trained, played forward over arrivals of all kinds."""

from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.shares import Account, Arrival, Ledger, Place, RunTimes, Share, WaitingRun, choose, play
from deepchord.shared.shares.accounts import level

PRIORITIES = ("low", "normal", "high")


def arrival(name: str, members: int, at_s: float = 0.0, member_s: float = 1.0, **share: object) -> Arrival:
    run = WaitingRun(run_id=name, queue="deepchord", waiting=members, share=Share.model_validate(share))
    return Arrival(at_s=at_s, run=run, member_s=member_s)


def order_of(times: Mapping[str, RunTimes]) -> list[str]:
    """The runs of all members in the order in which they are begun."""
    begun = sorted((at_s, name) for name, found in times.items() for at_s in found.begun_s)
    return [name for _, name in begun]


@st.composite
def days(draw: st.DrawFn, *, equal: bool = False) -> tuple[int, list[Arrival]]:
    """Workers and runs that arrive at some time; their members last the same or not."""
    arrivals = [
        arrival(
            f"run-{number}",
            draw(st.integers(1, 15)),
            draw(st.floats(0, 30)),
            1.0 if equal else draw(st.sampled_from((0.1, 1.0, 5.0))),
            priority="normal" if equal else draw(st.sampled_from(PRIORITIES)),
            most_workers=draw(st.sampled_from((None, None, 1, 2))),
        )
        for number in range(draw(st.integers(1, 8)))
    ]
    return draw(st.integers(1, 4)), arrivals


@settings(max_examples=1000)
@given(days())
def test_each_member_is_trained_once_as_soon_as_a_worker_is_free_and_no_more_at_once_than_its_run_may_have(day):
    workers, arrivals = day

    times = play(arrivals, [Place()] * workers)

    spans = []
    for each in arrivals:
        begun_s = times[each.run.run_id].begun_s
        assert len(begun_s) == each.run.waiting
        assert all(at_s >= each.at_s for at_s in begun_s)
        most = min(workers, each.run.share.most_workers or workers)
        own = [(at_s, at_s + each.member_s) for at_s in begun_s]
        assert all(_at_once(own, at_s) <= most for at_s in begun_s)
        spans += own
        for earlier_s, later_s in pairwise(sorted(begun_s)):
            full = _at_once(own, earlier_s) >= most
            assert full or later_s <= earlier_s or _at_once(spans, earlier_s) <= workers
    assert all(_at_once(spans, at_s) <= workers for at_s, _ in spans)


@settings(max_examples=1000)
@given(days(equal=True))
def test_no_run_falls_further_behind_its_even_share_than_a_few_members(day):
    workers, arrivals = day
    furthest = [0.0]

    def watched(accounts: Mapping[str, Account]) -> str | None:
        level_s = level(accounts.values())
        furthest.extend(each.behind(level_s) for each in accounts.values() if each.waiting and not each.at_limit)
        return choose(accounts)

    play(arrivals, [Place()] * workers, order=watched)

    assert max(furthest) <= 3.0


@settings(max_examples=500)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 4), st.floats(0, 20), st.integers(1, 20))
def test_a_new_run_begins_within_the_time_of_one_member_whatever_waits(sizes, workers, later_s, members):
    waiting = [arrival(f"run-{number}", size) for number, size in enumerate(sizes)]
    at_s = len(sizes) + later_s  # all others have begun

    times = play([*waiting, arrival("new", members, at_s)], [Place()] * workers)

    assert times["new"].begun_s[0] - at_s <= 1.0


def test_a_short_run_is_done_soon_and_long_ones_lose_no_more_than_it_takes():
    five = [arrival(f"long-{number}", 20) for number in range(5)]
    without = play(five, [Place()] * 2)
    for at_s in (0.0, 0.5, 7.75, 20.5):
        together = play([*five, arrival("short", 3, at_s)], [Place()] * 2)

        assert together["short"].done_s - at_s <= 2 * 2.0 + 1.0
        assert all(together[name].done_s - without[name].done_s <= 2.0 for name in without)


def test_runs_of_one_length_are_trained_in_turn():
    times = play([arrival(f"run-{number}", 6) for number in range(3)], [Place()])

    counts = {f"run-{number}": 0 for number in range(3)}
    for name in order_of(times):
        counts[name] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_run_of_high_priority_has_four_times_as_many_members_trained_as_a_normal_one():
    times = play([arrival("normal", 40), arrival("high", 40, priority="high")], [Place()])

    first = order_of(times)[:40]
    assert 7 <= first.count("normal") <= 9


def test_who_was_on_others_credit_pays_it_back_by_its_ended_runs():
    """Whoever submits a run of one member each time that one is done does not keep others from their shares."""
    chopped = [arrival(f"part-{number}", 1, float(number)) for number in range(60)]

    times = play([arrival("whole", 20), *chopped], [Place()])

    whole = order_of(times)[:60].count("whole")
    assert whole >= 4  # of its 6 or 7; a run that has not begun is preferred to the last two


def test_a_worker_takes_only_from_its_queues_and_the_others_go_on():
    gpu = Arrival(at_s=0, run=WaitingRun(run_id="gpu", queue="deepchord.gpu", waiting=4), member_s=1.0)
    places = [Place(queues=frozenset({"deepchord"})), Place(queues=frozenset({"deepchord", "deepchord.gpu"}))]

    times = play([arrival("any", 4), gpu], places)
    unserved = play([arrival("any", 4), gpu], places[:1])

    assert max(times["gpu"].done_s, times["any"].done_s) <= 5.0
    assert unserved.keys() == {"any"}


@settings(max_examples=300)
@given(days(), st.integers(0, 30))
def test_accounts_that_are_lost_keep_nobody_from_being_trained(day, kept):
    workers, arrivals = day
    left = [kept]

    def forgetful(accounts: Mapping[str, Account]) -> str | None:
        left[0] -= 1
        if left[0] < 0:
            accounts = {name: each.model_copy(update={"had_s": 0.0, "begun": 0}) for name, each in accounts.items()}
        return choose(accounts)

    times = play(arrivals, [Place()] * workers, order=forgetful)

    assert {name: len(found.begun_s) for name, found in times.items()} == {
        each.run.run_id: each.run.waiting for each in arrivals
    }


def test_a_ledger_is_read_as_it_was_written():
    account = Account(had_s=1.5, begun=2, members=5, waiting=3, queue="deepchord", weight=0.25, member_s=60.0)
    ledger = Ledger(accounts={"run": account})

    assert Ledger.decode(ledger.model_dump_json(), "it") == ledger


def _at_once(spans: list[tuple[float, float]], at_s: float) -> int:
    return sum(begin_s <= at_s < end_s for begin_s, end_s in spans)
