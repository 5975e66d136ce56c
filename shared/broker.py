"""A connection to the broker that answers, or one sentence that says why it does not."""

import ssl
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import BrokerError, InputError
from shared.settings import Settings, without_password

#: Put before every key, so that other users of the same Redis database are left alone.
KEY_PREFIX = "deepchord:"


def connect(settings: Settings) -> redis.Redis:
    """Return a client of the configured broker that has answered a ping.

    Raises:
        InputError: No broker is configured.
        BrokerError: It does not answer within `connect_timeout_s`, or refuses the credentials.
    """
    client = connect_lazily(settings)
    address = without_password(settings.broker or "")
    try:
        client.ping()
    except redis.AuthenticationError as error:
        raise BrokerError(f"Broker {address} refuses the user name or password given with --broker.") from error
    except (redis.RedisError, OSError) as error:
        raise BrokerError(
            f"Broker {address} does not answer as Redis or Valkey ({_reason(error)}): start it, "
            "correct --broker or DEEPCHORD_BROKER, or leave it out to use the embedded one."
        ) from error
    return client


def connect_lazily(settings: Settings, timeout_s: float | None = None) -> redis.Redis:
    """Return a client of the configured broker that connects when it is first used, and again after an outage.

    Args:
        settings: Where the broker is.
        timeout_s: How long an answer may take; None: `connect_timeout_s`.

    Raises:
        InputError: No broker is configured.
    """
    if settings.broker is None:
        raise InputError("No broker is given: set DEEPCHORD_BROKER or --broker to redis://[:password@]host:port/0.")
    return redis.Redis.from_url(
        settings.broker,
        socket_connect_timeout=settings.connect_timeout_s,
        socket_timeout=timeout_s or settings.connect_timeout_s,
        retry=Retry(NoBackoff(), 0),
        **(encryption(settings) or {}),
    )


def encryption(settings: Settings) -> dict[str, Any] | None:
    """Return what redis-py and Celery are told about a `rediss://` broker; None without encryption."""
    if settings.broker is None or not settings.broker.startswith("rediss://"):
        return None
    authorities = {} if settings.ca_file is None else {"ssl_ca_certs": str(settings.ca_file)}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **authorities}


def text_of(value: bytes | str) -> str:
    """Return what the broker holds as text, whatever bytes it are."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def _reason(error: BaseException) -> str:
    if isinstance(error, redis.ResponseError):
        return str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
