"""What each run has had of the fleet so far, and what it would have had if all runs had shared it evenly.

An account is kept in seconds of a worker, divided by the weight of the run. All accounts of a fleet that shares evenly
stand at one level. A run begins at the level of the moment, so it has nothing to make up for and nothing saved. A run
whose members have all begun before that was its due keeps its account until the level has reached it: its members were
trained on the others' credit.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from deepchord.shared.shares.share import Share
from deepchord.shared.validation import Message

#: What a member is taken to last, in seconds, while no member of any run has told; all runs then count members.
_UNKNOWN_S = 1.0
#: The share of a run of which nobody has told.
_EQUAL = Share()


@dataclass(frozen=True, kw_only=True)
class WaitingRun:
    """A run with members in a queue."""

    run_id: str
    queue: str
    #: Members in the queue.
    waiting: int
    share: Share = _EQUAL
    #: Members in all; None: nobody has told.
    members: int | None = None
    #: How long its last member was trained, in seconds; None: none has ended yet.
    seconds: float | None = None
    #: Members that are being trained; counted where `share` has a limit only.
    training: int = 0

    @property
    def is_at_limit(self) -> bool:
        """Whether no further member may be trained now."""
        return self.share.most_workers is not None and self.training >= self.share.most_workers


class Account(Message):
    """What a run has had of the fleet."""

    #: The level at which it began, and since then the seconds of its members that have begun, divided by its weight.
    had_s: float
    #: Members that have begun, and members in all.
    begun: int
    members: PositiveInt
    #: Members in the queue.
    waiting: NonNegativeInt
    queue: str
    weight: PositiveFloat
    #: What a member of it lasts, in seconds.
    member_s: PositiveFloat
    #: Whether as many of its members are trained as may be.
    at_limit: bool = False

    @property
    def end_s(self) -> float:
        """The level at which all of its members will have begun."""
        return self.had_s + self.waiting * self.member_s / self.weight

    def behind(self, level_s: float) -> float:
        """Return how many members more it would have had at this level; negative: it has had more."""
        return (level_s - self.had_s) * self.weight / self.member_s


class Ledger(Message):
    """The accounts of all runs. It may be lost: all runs then begin anew, at one level."""

    accounts: dict[str, Account] = Field(default_factory=dict, max_length=100_000)

    def of(self, queues: Collection[str]) -> dict[str, Account]:
        """Return the accounts of the runs in some queues."""
        return {run_id: account for run_id, account in self.accounts.items() if account.queue in queues}


def level(accounts: Iterable[Account]) -> float:
    """Return the level at which all accounts would stand if the runs had shared evenly what they have had together.

    A run wants no more than its members: its account rises up to its `end_s`, and the others share what is left
    (the fluid that generalized processor sharing pours; Parekh and Gallager 1993).
    """
    rising = sorted(accounts, key=lambda account: account.end_s)
    poured = sum(account.weight * account.had_s for account in rising)
    weight = sum(account.weight for account in rising)
    for account in rising:
        if weight * account.end_s >= poured:
            return poured / weight
        poured -= account.weight * account.end_s
        weight -= account.weight
    return rising[-1].end_s if rising else 0.0


def book(ledger: Ledger, queues: Collection[str], waiting: Sequence[WaitingRun]) -> Ledger:
    """Return the ledger after what happened in some queues since it was written.

    A run pays for each member that has left the queue, whoever took it, and is paid back for one that returned.

    Args:
        ledger: The accounts as they were.
        queues: The queues that were looked at; accounts of others stay as they are.
        waiting: All runs with members in these queues, those that have waited longest first.
    """
    usual_s = _usual_seconds(waiting)
    there = {run.run_id: run for run in waiting}
    known = {
        run_id: _paid(account, there.get(run_id), usual_s)
        for run_id, account in ledger.accounts.items()
        if account.queue in queues or run_id in there
    }
    level_s = level(known.values())
    known = {run_id: each for run_id, each in known.items() if each.waiting or each.had_s > level_s}
    for run in waiting:
        account = known.get(run.run_id) or _opened(run, level_s, usual_s)
        if account.at_limit:  # who cannot take more of it saves nothing up
            account = account.model_copy(update={"had_s": max(account.had_s, level_s)})
        known[run.run_id] = account
    elsewhere = {run_id: each for run_id, each in ledger.accounts.items() if each.queue not in queues}
    return ledger.model_copy(update={"accounts": {**elsewhere, **known}})


def _usual_seconds(waiting: Iterable[WaitingRun]) -> float:
    known = [run.seconds for run in waiting if run.seconds is not None]
    return sum(known) / len(known) if known else _UNKNOWN_S


def _paid(account: Account, run: WaitingRun | None, usual_s: float) -> Account:
    if run is None:
        members, waiting, now = account.members, 0, account
    else:
        members, waiting = run.members or max(account.members, run.waiting), run.waiting
        now = _opened(run, 0.0, usual_s)
    begun = members - waiting
    # The price of a member is that of the moment when it begins, so that the level and all accounts agree.
    had_s = account.had_s + (begun - account.begun) * account.member_s / account.weight
    if run is None and begun == account.begun:
        return account
    return now.model_copy(update={"had_s": had_s, "begun": begun, "members": members, "waiting": waiting})


def _opened(run: WaitingRun, level_s: float, usual_s: float) -> Account:
    members = max(run.members or 0, run.waiting)
    return Account(
        had_s=level_s,
        begun=members - run.waiting,
        members=members,
        waiting=run.waiting,
        queue=run.queue,
        weight=run.share.weight,
        member_s=max(run.seconds or usual_s, 1e-3),
        at_limit=run.is_at_limit,
    )
