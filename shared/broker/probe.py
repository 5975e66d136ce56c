"""Tries at a broker what a run needs of it, before anything depends on that: it may answer a ping and be of no use."""

import logging
import secrets
import time
from collections.abc import Callable

import redis

from deepchord.shared.broker.connection import KEY_PREFIX, broker_name, connect, connect_lazily, permanent_error
from deepchord.shared.broker.states import BrokerState, Facts, broker_state, server_info
from deepchord.shared.errors import BrokerError
from deepchord.shared.settings import Settings

logger = logging.getLogger(__name__)

#: So many connections a worker has at the same time, and a coordinator with it.
_CONNECTIONS = 8
#: A broker in use that was found well is tried again after so long, then after twice that, and so on.
_FIRST_PAUSE_S = 10.0
_LONGEST_PAUSE_S = 60.0
#: What a probe that was cut off has left is forgotten after so long.
_KEEP_MS = 60_000

_SCRIPT = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]); return redis.call('EXISTS', KEYS[2])"
#: Another text, so that it is not known by its digest yet.
_LOADED_SCRIPT = f"{_SCRIPT} + 0"


def probe_broker(settings: Settings) -> None:
    """Raise unless the configured broker can do what a run needs; one that still loads its data is waited for.

    What is tried leaves nothing behind: several connections, a transaction and scripts over keys that lie where leases,
    workers' notes and queues do.

    Raises:
        InputError: No broker is configured.
        BrokerError: It does not answer, or is of no use as it is; what to do is said.
    """
    with connect(settings) as client:
        try:
            state = find_trouble(client)
        except (redis.RedisError, OSError) as error:
            reason = str(error).rstrip(".")
            raise permanent_error(error, broker_name(settings)) or BrokerError(
                f"{broker_name(settings)} answers, but cannot do what a run needs ({reason}): see its log and its "
                "configuration.",
                transient=True,
            ) from error
    if state is not None:
        raise BrokerError(f"{broker_name(settings)} {state.text}.", transient=state.transient)


def refuse_unusable_broker(settings: Settings) -> None:
    """Do as `probe_broker` for who waits for a broker as long as it takes: what may pass is only logged.

    Raises:
        InputError: No broker is configured.
        BrokerError: The broker is of no use, and waiting does not help.
    """
    try:
        probe_broker(settings)
    except BrokerError as error:
        if not error.transient:
            raise
        logger.error("%s", error)


def find_trouble(client: redis.Redis, connections: int = _CONNECTIONS) -> BrokerState | None:
    """Return why a broker that answers cannot do what a run needs; None if it can.

    Args:
        client: Of the broker.
        connections: How many are opened at the same time.

    Raises:
        redis.RedisError, OSError: It fails in a way that is none of the known states.
    """
    facts: Facts = {}
    try:
        facts = server_info(client)
        _try_connections(client, connections)
        _try_writing(client)
    except (redis.RedisError, OSError) as error:
        state = broker_state(error, facts)
        if state is None:
            raise
        return state
    return broker_state(None, facts)


def current_trouble(settings: Settings, error: Exception | None = None) -> str | None:
    """Return what is wrong with a broker that was in use, in a sentence without a full stop; None if nothing known is.

    One connection is opened: where few are left, those who look must not take them.

    Args:
        settings: Which broker.
        error: What was met with there.
    """
    state = None if error is None else broker_state(error, {})
    try:
        with connect_lazily(settings) as client:
            state = find_trouble(client, connections=1) or state
    except (redis.RedisError, OSError) as found:
        state = broker_state(found, {}) or state
    return None if state is None else f"the broker {state.text}"


class RepeatedProbe:
    """Probes a broker in use again and again, after growing pauses as long as nothing is found to be wrong with it.

    Many may follow a run, and one that is evaluated or compiles stands still for long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how to tell the time, in seconds."""
        self._clock = clock
        self._pause_s = 0.0
        self._due = clock()

    def trouble(self, settings: Settings, *, now: bool = False) -> str | None:
        """Return what `current_trouble` does if it is time to look again; else None.

        Args:
            settings: Which broker.
            now: Whether there are signs of trouble, for which no pause is made.
        """
        if not now and self._clock() < self._due:
            return None
        found = current_trouble(settings)
        # What is wrong is looked at each time, so that it is not said any longer than it is so.
        self._pause_s = 0.0 if found else min(_LONGEST_PAUSE_S, 2 * self._pause_s or _FIRST_PAUSE_S)
        self._due = self._clock() + self._pause_s
        return found


def _try_connections(client: redis.Redis, connections: int) -> None:
    pool = client.connection_pool
    opened = []
    try:
        for _ in range(connections):
            opened.append(pool.get_connection())
    finally:
        for connection in opened:
            pool.release(connection)


def _try_writing(client: redis.Redis) -> None:
    token = secrets.token_hex(8)
    # In keys that both a coordinator and a worker may use.
    note, lease, queue = (f"{KEY_PREFIX}{place}:probe-{token}" for place in ("worker", "lease", "deepchord"))
    try:
        with client.pipeline(transaction=True) as together:
            together.watch(note)  # type: ignore[no-untyped-call]  # in redis-py
            together.multi()
            together.set(note, token, px=_KEEP_MS)
            together.lpush(queue, token)
            together.pexpire(queue, _KEEP_MS)
            together.execute()
        # By its text, as leases have it, and by its digest, as Celery does.
        client.eval(_SCRIPT, 2, lease, note, token, _KEEP_MS)
        client.register_script(_LOADED_SCRIPT)(keys=[lease, note], args=[token, _KEEP_MS])
        client.brpop([queue], timeout=1)
    finally:
        _forget(client, note, lease, queue)


def _forget(client: redis.Redis, *keys: str) -> None:
    """Remove what was written, one key at a time: a cluster would not have several."""
    try:
        for key in keys:
            client.delete(key)
    except redis.RedisError:
        return  # they expire
