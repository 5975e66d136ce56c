"""Tries everything that a run needs from the broker, because a broker may answer a ping and still be unusable."""

import logging
import secrets
import time
from collections.abc import Callable

import redis

from deepchord.shared.broker.connection import KEY_PREFIX, broker_name, connect, connect_lazily, permanent_error
from deepchord.shared.broker.states import BrokerState, ServerInfo, broker_state, server_info
from deepchord.shared.errors import BrokerError
from deepchord.shared.settings import Settings

logger = logging.getLogger(__name__)

#: How many connections a worker and a coordinator together open at the same time.
_CONNECTIONS = 8
#: A healthy broker in use is probed again after this pause, then after twice the pause, and so on.
_FIRST_PAUSE_S = 10.0
_MAX_PAUSE_S = 60.0
#: The keys of an interrupted probe expire after this time.
_KEEP_MS = 60_000

_SCRIPT = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]); return redis.call('EXISTS', KEYS[2])"
#: Another text, so that the broker does not know its digest yet.
_LOADED_SCRIPT = f"{_SCRIPT} + 0"


def probe_broker(settings: Settings) -> None:
    """Raise unless the configured broker can do what a run needs; wait while the broker still loads its data.

    The probe opens several connections, and runs a transaction and scripts on keys of the same kind as those of leases,
    workers and queues. It leaves nothing behind.

    Raises:
        InputError: No broker is configured.
        BrokerError: It does not answer, or cannot be used; the message says what to do.
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
    """Do as `probe_broker`, but only log an error that may pass: for callers that wait for the broker anyway.

    Raises:
        InputError: No broker is configured.
        BrokerError: The broker cannot be used, and waiting does not help.
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
        client: A client of the broker.
        connections: How many connections to open at the same time.

    Raises:
        redis.RedisError, OSError: It fails in a way that is not one of the known states.
    """
    info: ServerInfo = {}
    try:
        info = server_info(client)
        _try_connections(client, connections)
        _try_writing(client)
    except (redis.RedisError, OSError) as error:
        state = broker_state(error, info)
        if state is None:
            raise
        return state
    return broker_state(None, info)


def current_trouble(settings: Settings, error: Exception | None = None) -> str | None:
    """Return what is wrong with a broker in use, as a sentence without a full stop; None if no known trouble is found.

    It opens one connection only, because a broker in trouble may have few left.

    Args:
        settings: Where the broker is.
        error: An error that a client of it raised.
    """
    state = None if error is None else broker_state(error, {})
    try:
        with connect_lazily(settings) as client:
            state = find_trouble(client, connections=1) or state
    except (redis.RedisError, OSError) as failure:
        state = broker_state(failure, {}) or state
    return None if state is None else f"the broker {state.text}"


class RepeatedProbe:
    """Probes a broker again and again while it is used; each time it finds no trouble, the next pause is longer.

    The pauses spare the broker: many clients may follow a run, and a run may make no progress for long while a worker
    compiles or evaluates.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock that returns seconds."""
        self._clock = clock
        self._pause_s = 0.0
        self._due = clock()

    def trouble(self, settings: Settings, *, now: bool = False) -> str | None:
        """Return the result of `current_trouble` if the pause is over; otherwise None.

        Args:
            settings: Where the broker is.
            now: Whether to probe without a pause, because there are signs of trouble.
        """
        if not now and self._clock() < self._due:
            return None
        trouble = current_trouble(settings)
        # After trouble there is no pause, so that its message disappears as soon as the trouble is over.
        self._pause_s = 0.0 if trouble else min(_MAX_PAUSE_S, 2 * self._pause_s or _FIRST_PAUSE_S)
        self._due = self._clock() + self._pause_s
        return trouble


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
    # Both a coordinator and a worker have the right to use these keys.
    worker, lease, queue = (f"{KEY_PREFIX}{place}:probe-{token}" for place in ("worker", "lease", "deepchord"))
    try:
        with client.pipeline(transaction=True) as together:
            together.watch(worker)  # type: ignore[no-untyped-call]  # in redis-py
            together.multi()
            together.set(worker, token, px=_KEEP_MS)
            together.lpush(queue, token)
            together.pexpire(queue, _KEEP_MS)
            together.execute()
        # A script by its text, as leases use it, and by its digest, as Celery does.
        client.eval(_SCRIPT, 2, lease, worker, token, _KEEP_MS)
        client.register_script(_LOADED_SCRIPT)(keys=[lease, worker], args=[token, _KEEP_MS])
        client.brpop([queue], timeout=1)
    finally:
        _forget(client, worker, lease, queue)


def _forget(client: redis.Redis, *keys: str) -> None:
    """Remove the keys one by one: a cluster refuses to remove several at once."""
    try:
        for key in keys:
            client.delete(key)
    except redis.RedisError:
        return  # they expire
