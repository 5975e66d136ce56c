"""Decides which run's next member is trained next.

Two rules. Who is a member behind its even share goes first, the furthest behind before the others; a run of which no
member has begun counts as two behind. If nobody is, the runs that even sharing would have done first go first, in turn:
those that have at most twice as much left as the one that has least. So short runs are done soon, on the credit of
longer ones, and who gives the credit has it back before it is a member's.

The second rule is the fair sojourn protocol (Friedman and Henderson 2003), softened so that runs of about one length
are trained side by side, as start-time fair queuing would (Goyal, Vin and Cheng 1996). The first bounds what it lends.
"""

from collections.abc import Collection, Mapping

from deepchord.shared.shares.accounts import Account, level

#: Who is so many members behind its share goes first.
_LATE = 1.0
#: Runs that have up to so many times as much left as the one that has least are trained in turn.
_SIMILAR = 2.0
#: As so many members behind counts a run of which no member has begun: more than those that are late as a rule.
_NEW = 2.0
#: What differs by less is equal: sums in another order.
_DIGITS = 6


def choose(accounts: Mapping[str, Account], among: Collection[str] | None = None) -> str | None:
    """Return the run whose next member is trained next; None if no run has a member that may be trained now.

    Args:
        accounts: The accounts of the runs that a worker could take members of, by the runs' ids. Of equals the first
            one is chosen.
        among: The runs to choose from; the others still have their shares. None: all.
    """
    level_s = level(accounts.values())
    ready = {
        run_id: account
        for run_id, account in accounts.items()
        if account.waiting and not account.at_limit and (among is None or run_id in among)
    }
    if not ready:
        return None
    behind = {run_id: _behind(account, level_s) for run_id, account in ready.items()}
    latest = max(behind.values())
    if latest >= _LATE:
        late = [run_id for run_id in ready if behind[run_id] == latest]
        return min(late, key=lambda run_id: round(ready[run_id].end_s, _DIGITS))
    left_s = {run_id: max(0.0, account.end_s - level_s) for run_id, account in ready.items()}
    most_s = _SIMILAR * min(left_s.values())
    similar = [run_id for run_id in ready if left_s[run_id] <= most_s]
    return min(similar, key=lambda run_id: round(ready[run_id].had_s, _DIGITS))


def _behind(account: Account, level_s: float) -> float:
    return round(account.behind(level_s) + (0.0 if account.begun else _NEW), _DIGITS)
