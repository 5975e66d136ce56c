"""How runs share the workers of a fleet: which run's next member is trained next, and when. Pure functions."""

from deepchord.shared.shares.accounts import Account, Ledger, WaitingRun, book
from deepchord.shared.shares.order import choose
from deepchord.shared.shares.schedule import Arrival, Place, RunTimes, play
from deepchord.shared.shares.share import Priority, Share

__all__ = [
    "Account",
    "Arrival",
    "Ledger",
    "Place",
    "Priority",
    "RunTimes",
    "Share",
    "WaitingRun",
    "book",
    "choose",
    "play",
]
