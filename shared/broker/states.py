"""The states in which a broker answers but cannot be used: how each is recognised, and what to do about it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

#: What a broker reports about itself, by the names of the command INFO.
ServerInfo = Mapping[str, Any]

_SCRIPTING = ("EVAL", "EVALSHA", "SCRIPT")
_GIVE = "with --broker or DEEPCHORD_BROKER"


@dataclass(frozen=True, kw_only=True)
class BrokerState:
    """Why a broker cannot be used."""

    #: The rest of a sentence that begins with the broker's name; says what to do, and holds no password.
    text: str
    #: Whether the state may end by itself or by an administrator; a run under way then goes on.
    transient: bool


@dataclass(frozen=True, kw_only=True)
class _Sign:
    """How a state is recognised: by the broker's own report, or by the type or the text of an error."""

    describe: Callable[[BaseException | None, ServerInfo], str]
    transient: bool
    matches_info: Callable[[ServerInfo], bool] = lambda _info: False
    kinds: tuple[type[Exception], ...] = ()
    #: A regular expression for the text of the error.
    words: str | None = None

    def matches_error(self, error: BaseException) -> bool:
        return type(error) in self.kinds or (  # not isinstance: a subclass may mean another state
            self.words is not None
            and isinstance(error, redis.RedisError)
            and re.search(self.words, str(error)) is not None
        )


def broker_state(error: BaseException | None, info: ServerInfo) -> BrokerState | None:
    """Return the state that an error or the broker's own report shows; None if it is none of the known states.

    Args:
        error: An error of the client, or one that it caused; None: everything that was tried succeeded.
        info: The broker's report about itself; empty if there is none.
    """
    for sign in _SIGNS:
        if sign.matches_info(info):
            return BrokerState(text=sign.describe(None, info), transient=sign.transient)
    for cause in causes(error):
        for sign in _SIGNS:
            if sign.matches_error(cause):
                return BrokerState(text=sign.describe(cause, info), transient=sign.transient)
    return None


def server_info(client: redis.Redis) -> dict[str, Any]:
    """Return the broker's report about itself (INFO); empty if this user may not have it.

    Raises:
        redis.RedisError: It does not answer.
    """
    try:
        return dict(client.info())
    except redis.ResponseError:
        return {}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def unknown_command(error: BaseException) -> str | None:
    """Return the command that the broker reports as unknown; None if the error is another one."""
    match = re.search(r"unknown command ['`]?([A-Za-z]+)", str(error))
    return None if match is None else match[1].upper()


def _mode(info: ServerInfo) -> object:
    """Return the kind of server, as Redis or Valkey reports it."""
    return info.get("redis_mode") or info.get("server_mode")


def _describe_sentinel(_error: BaseException | None, info: ServerInfo) -> str:
    watched = info.get("master0")
    address = watched.get("address") if isinstance(watched, Mapping) else None
    return (
        f"is a Sentinel, which only tells where the data are: give the address of the primary that it watches, "
        f"redis://{address or 'host:port'}/0, {_GIVE}"
    )


def _describe_cluster(_error: BaseException | None, _info: ServerInfo) -> str:
    return (
        "is part of a Redis Cluster, which is not supported, for what belongs together may lie on several servers "
        f"there (CROSSSLOT): give one server outside of clusters {_GIVE}"
    )


def _describe_replica(_error: BaseException | None, info: ServerInfo) -> str:
    host, port = info.get("master_host"), info.get("master_port")
    address = f"{host}:{port}" if host else "host:port"
    return (
        f"is a replica, which only copies another server: give the address of its primary, redis://{address}/0, {_GIVE}"
    )


def _describe_no_scripts(error: BaseException | None, _info: ServerInfo) -> str:
    name = None if error is None else unknown_command(error)
    return (
        f"does not let scripts run, without which members cannot be taken in turn (it knows no {name or 'EVALSHA'}): "
        "take what renames or disables EVAL, EVALSHA and SCRIPT out of its configuration, or give another broker"
    )


def _describe_unknown(error: BaseException | None, _info: ServerInfo) -> str:
    name = None if error is None else unknown_command(error)
    return (
        f"does not know the command {name or 'MULTI'}, which a run needs: install Redis 6.2 or later, or Valkey, and "
        "take what renames commands out of its configuration"
    )


def _describe_full(_error: BaseException | None, info: ServerInfo) -> str:
    limit = int(info.get("maxmemory", 0))
    reason = f"maxmemory is {limit / 2**20:,.1f} MiB" if limit else "its maxmemory is reached"
    return f"has no memory left ({reason}): raise its maxmemory, or remove what nobody needs from it"


def _describe_crowded(_error: BaseException | None, info: ServerInfo) -> str:
    limit = info.get("maxclients")
    reason = "its maxclients is reached" if limit is None else f"maxclients is {limit}"
    return f"takes no more connections ({reason}): raise its maxclients, or end clients that nobody needs"


def _describe_loading(_error: BaseException | None, _info: ServerInfo) -> str:
    return "is still loading its data from disk: try again when it has ended that, as its log tells"


def _describe_disk(error: BaseException | None, _info: ServerInfo) -> str:
    what = "append-only file" if "AOF" in str(error) else "snapshot"
    return (
        f"takes no writes, for it cannot save its {what} (MISCONF): see in its log why, and make room on its disk or "
        "its folder writable"
    )


def _describe_alone(_error: BaseException | None, _info: ServerInfo) -> str:
    return (
        "takes no writes, for too few replicas are connected to it (NOREPLICAS): start them, or lower its "
        "min-replicas-to-write"
    )


def _describe_busy(_error: BaseException | None, _info: ServerInfo) -> str:
    return "is busy with somebody's script (BUSY): wait for its end, or end it with SCRIPT KILL"


def _describe_protected(_error: BaseException | None, _info: ServerInfo) -> str:
    return (
        "lets nobody in from other machines (protected-mode): give it a password (requirepass) and put that into the "
        "URL, redis://:password@host:port/0"
    )


#: The signs in the order in which they are tried; the report of the broker counts more than an error.
_SIGNS = (
    _Sign(matches_info=lambda info: _mode(info) == "sentinel", describe=_describe_sentinel, transient=False),
    _Sign(
        matches_info=lambda info: _mode(info) == "cluster" or info.get("cluster_enabled") == 1,
        kinds=(
            redis.exceptions.ClusterCrossSlotError,
            redis.exceptions.ClusterDownError,
            redis.exceptions.AskError,
            redis.exceptions.MovedError,
        ),
        words="in cluster mode",
        describe=_describe_cluster,
        transient=False,
    ),
    _Sign(
        matches_info=lambda info: info.get("role") == "slave",
        kinds=(redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError),
        describe=_describe_replica,
        transient=False,
    ),
    _Sign(
        words=rf"(?i)unknown command ['`]?({'|'.join(_SCRIPTING)})\b", describe=_describe_no_scripts, transient=False
    ),
    _Sign(words="unknown command|EXEC without MULTI", describe=_describe_unknown, transient=False),
    _Sign(words="protected mode", describe=_describe_protected, transient=False),
    _Sign(kinds=(redis.exceptions.OutOfMemoryError,), describe=_describe_full, transient=True),
    _Sign(words="max number of clients reached", describe=_describe_crowded, transient=True),
    _Sign(kinds=(redis.exceptions.BusyLoadingError,), describe=_describe_loading, transient=True),
    _Sign(words=r"\bMISCONF\b", describe=_describe_disk, transient=True),
    _Sign(words=r"\bNOREPLICAS\b", describe=_describe_alone, transient=True),
    _Sign(words=r"\bBUSY\b", describe=_describe_busy, transient=True),
)
