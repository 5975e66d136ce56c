"""The states in which a broker answers and is of no use: how each is recognised, and what to do about it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

#: What a broker tells of itself, by the names of INFO.
Facts = Mapping[str, Any]

_SCRIPTING = ("EVAL", "EVALSHA", "SCRIPT")
_GIVE = "with --broker or DEEPCHORD_BROKER"


@dataclass(frozen=True, kw_only=True)
class BrokerState:
    """What is wrong with a broker."""

    #: Follows the broker's name in a sentence, and says what to do; holds no password.
    text: str
    #: Whether it may end without another broker being given: whoever is under way goes on then.
    transient: bool


@dataclass(frozen=True, kw_only=True)
class _Sign:
    """How a state is told from others: by what the broker is, or else by an error's kind, its code or its words."""

    say: Callable[[BaseException | None, Facts], str]
    transient: bool
    is_so: Callable[[Facts], bool] = lambda _facts: False
    kinds: tuple[type[Exception], ...] = ()
    #: How the error begins or what it says.
    words: str | None = None

    def fits(self, error: BaseException) -> bool:
        return type(error) in self.kinds or (  # of those that derive from each other, one means something else
            self.words is not None
            and isinstance(error, redis.RedisError)
            and re.search(self.words, str(error)) is not None
        )


def broker_state(error: BaseException | None, facts: Facts) -> BrokerState | None:
    """Return the state that an error or what the broker tells of itself stands for; None if it is none of these.

    Args:
        error: Of the client, or one that it is behind; None: all that was tried went well.
        facts: What the broker tells of itself; empty if it does not.
    """
    for sign in _SIGNS:
        if sign.is_so(facts):
            return BrokerState(text=sign.say(None, facts), transient=sign.transient)
    for cause in causes(error):
        for sign in _SIGNS:
            if sign.fits(cause):
                return BrokerState(text=sign.say(cause, facts), transient=sign.transient)
    return None


def server_info(client: redis.Redis) -> dict[str, Any]:
    """Return what a broker tells of itself; nothing if it does not do so for this user, or at all.

    Raises:
        redis.RedisError: It does not answer.
    """
    try:
        return dict(client.info())
    except redis.ResponseError:
        return {}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what is behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def unknown_command(error: BaseException) -> str | None:
    """Return the command that a broker says it does not know; None if it says something else."""
    found = re.search(r"unknown command ['`]?([A-Za-z]+)", str(error))
    return None if found is None else found[1].upper()


def _mode(facts: Facts) -> object:
    """Return what kind of server it is, as Redis calls it, or as Valkey does."""
    return facts.get("redis_mode") or facts.get("server_mode")


def _say_sentinel(_error: BaseException | None, facts: Facts) -> str:
    watched = facts.get("master0")
    address = watched.get("address") if isinstance(watched, Mapping) else None
    return (
        f"is a Sentinel, which only tells where the data are: give the address of the primary that it watches, "
        f"redis://{address or 'host:port'}/0, {_GIVE}"
    )


def _say_cluster(_error: BaseException | None, _facts: Facts) -> str:
    return (
        "is part of a Redis Cluster, which is not supported, for what belongs together may lie on several servers "
        f"there (CROSSSLOT): give one server outside of clusters {_GIVE}"
    )


def _say_replica(_error: BaseException | None, facts: Facts) -> str:
    host, port = facts.get("master_host"), facts.get("master_port")
    address = f"{host}:{port}" if host else "host:port"
    return (
        f"is a replica, which only copies another server: give the address of its primary, redis://{address}/0, {_GIVE}"
    )


def _say_no_scripts(error: BaseException | None, _facts: Facts) -> str:
    found = None if error is None else unknown_command(error)
    return (
        f"does not let scripts run, without which members cannot be taken in turn (it knows no {found or 'EVALSHA'}): "
        "take what renames or disables EVAL, EVALSHA and SCRIPT out of its configuration, or give another broker"
    )


def _say_unknown(error: BaseException | None, _facts: Facts) -> str:
    found = None if error is None else unknown_command(error)
    return (
        f"does not know the command {found or 'MULTI'}, which a run needs: install Redis 6.2 or later, or Valkey, and "
        "take what renames commands out of its configuration"
    )


def _say_full(_error: BaseException | None, facts: Facts) -> str:
    limit = int(facts.get("maxmemory", 0))
    found = f"maxmemory is {limit / 2**20:,.1f} MiB" if limit else "its maxmemory is reached"
    return f"has no memory left ({found}): raise its maxmemory, or remove what nobody needs from it"


def _say_crowded(_error: BaseException | None, facts: Facts) -> str:
    limit = facts.get("maxclients")
    found = "its maxclients is reached" if limit is None else f"maxclients is {limit}"
    return f"takes no more connections ({found}): raise its maxclients, or end clients that nobody needs"


def _say_loading(_error: BaseException | None, _facts: Facts) -> str:
    return "is still loading its data from disk: try again when it has ended that, as its log tells"


def _say_disk(error: BaseException | None, _facts: Facts) -> str:
    what = "append-only file" if "AOF" in str(error) else "snapshot"
    return (
        f"takes no writes, for it cannot save its {what} (MISCONF): see in its log why, and make room on its disk or "
        "its folder writable"
    )


def _say_alone(_error: BaseException | None, _facts: Facts) -> str:
    return (
        "takes no writes, for too few replicas are connected to it (NOREPLICAS): start them, or lower its "
        "min-replicas-to-write"
    )


def _say_busy(_error: BaseException | None, _facts: Facts) -> str:
    return "is busy with somebody's script (BUSY): wait for its end, or end it with SCRIPT KILL"


def _say_protected(_error: BaseException | None, _facts: Facts) -> str:
    return (
        "lets nobody in from other machines (protected-mode): give it a password (requirepass) and put that into the "
        "URL, redis://:password@host:port/0"
    )


#: What a broker is comes before what it says: an error may have several reasons.
_SIGNS = (
    _Sign(is_so=lambda facts: _mode(facts) == "sentinel", say=_say_sentinel, transient=False),
    _Sign(
        is_so=lambda facts: _mode(facts) == "cluster" or facts.get("cluster_enabled") == 1,
        kinds=(
            redis.exceptions.ClusterCrossSlotError,
            redis.exceptions.ClusterDownError,
            redis.exceptions.AskError,
            redis.exceptions.MovedError,
        ),
        words="in cluster mode",
        say=_say_cluster,
        transient=False,
    ),
    _Sign(
        is_so=lambda facts: facts.get("role") == "slave",
        kinds=(redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError),
        say=_say_replica,
        transient=False,
    ),
    _Sign(words=rf"(?i)unknown command ['`]?({'|'.join(_SCRIPTING)})\b", say=_say_no_scripts, transient=False),
    _Sign(words="unknown command|EXEC without MULTI", say=_say_unknown, transient=False),
    _Sign(words="protected mode", say=_say_protected, transient=False),
    _Sign(kinds=(redis.exceptions.OutOfMemoryError,), say=_say_full, transient=True),
    _Sign(words="max number of clients reached", say=_say_crowded, transient=True),
    _Sign(kinds=(redis.exceptions.BusyLoadingError,), say=_say_loading, transient=True),
    _Sign(words=r"\bMISCONF\b", say=_say_disk, transient=True),
    _Sign(words=r"\bNOREPLICAS\b", say=_say_alone, transient=True),
    _Sign(words=r"\bBUSY\b", say=_say_busy, transient=True),
)
