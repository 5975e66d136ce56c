"""A connection to the broker that answers, or one sentence that says why it does not."""

import ssl
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import BrokerError, InputError
from shared.settings import Settings
from shared.urls import without_password

#: Put before every key, so that other users of the same Redis database are left alone.
KEY_PREFIX = "deepchord:"

#: What OpenSSL says of a certificate: X509_V_ERR_CERT_HAS_EXPIRED, …_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH.
_EXPIRED = 10
_OTHER_HOST = (62, 64)


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
    except (redis.RedisError, OSError) as error:
        raise refusal(error, f"Broker {address}", at_once=True) or BrokerError(
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


def refusal(error: Exception, broker: str = "The broker", *, at_once: bool = False) -> BrokerError | None:
    """Return what to say of an error that waiting does not help; None of one that may pass.

    Args:
        error: Of the client.
        broker: What the broker is called.
        at_once: Whether nothing was ever heard of it: else what ends an encrypted connection may be an outage.
    """
    if isinstance(error, redis.exceptions.NoPermissionError):
        return BrokerError(
            f"{broker} does not let this user do what a coordinator needs ({error}): give the coordinator's user in "
            "DEEPCHORD_BROKER or --broker, with the rights that `deepchord files users.acl` prints."
        )
    if isinstance(error, redis.AuthenticationError):
        return BrokerError(f"{broker} refuses the user name or password given with --broker or DEEPCHORD_BROKER.")
    certain = at_once or any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
    distrust = _why_not_trusted(error) if certain else None
    return None if distrust is None else BrokerError(f"{broker} {distrust}.")


def text_of(value: bytes | str) -> str:
    """Return what the broker holds as text, whatever bytes it are."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def _why_not_trusted(error: BaseException) -> str | None:
    """Return what is wrong with a broker's TLS and what to do; None if it is something else."""
    found = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if found is None:
        return None
    if not isinstance(found, ssl.SSLCertVerificationError):
        return "does not speak TLS as it should: give redis:// if it has none"
    if found.verify_code == _EXPIRED:
        return "has a certificate that has expired, or one of its authority's has: make a new one"
    if found.verify_code in _OTHER_HOST:
        return "has a certificate that is for another host: give the name that it was made for, or make a new one"
    return (
        f"has a certificate that is not trusted ({found.verify_message}): name the file with its authority's "
        "in DEEPCHORD_CA_FILE"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(error: BaseException) -> str:
    if isinstance(error, redis.ResponseError):
        return str(error)
    spoken = (cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(spoken, type(error).__name__)
