"""A connection to the broker that answers, or one sentence that says why it does not."""

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import redis
import tenacity
from redis.backoff import NoBackoff
from redis.retry import Retry

from deepchord.shared.broker.states import BrokerState, broker_state, causes, server_info
from deepchord.shared.errors import BrokerError, InputError
from deepchord.shared.settings import Settings, server_url, without_password

#: Put before every key, so that other users of the same Redis database are left alone.
KEY_PREFIX = "deepchord:"

#: What OpenSSL says of a certificate: X509_V_ERR_CERT_HAS_EXPIRED, …_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH.
_EXPIRED = 10
_OTHER_HOST = (62, 64)
#: A broker that was just started loads its data first; so long that is waited for.
_LOADS_WITHIN_S = 10.0


def connect(settings: Settings) -> redis.Redis:
    """Return a client of the configured broker that has answered a ping; one that loads its data is waited for.

    Raises:
        InputError: No broker is configured.
        BrokerError: It does not answer within `connect_timeout_s`, refuses the credentials, or is of no use as it is.
    """
    client = connect_lazily(settings)
    broker = broker_name(settings)
    loading = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(redis.exceptions.BusyLoadingError),
        stop=tenacity.stop_after_delay(_LOADS_WITHIN_S),
        wait=tenacity.wait_fixed(0.25),
        reraise=True,
    )
    try:
        loading(client.ping)
    except (redis.RedisError, OSError) as error:
        state = _state_at_connecting(settings, error)
        if state is not None:
            raise BrokerError(f"{broker} {state.text}.", transient=state.transient) from error
        raise permanent_error(error, broker, at_once=True) or BrokerError(
            f"{broker} does not answer as Redis or Valkey ({_reason(error)}): start it, "
            "correct --broker or DEEPCHORD_BROKER, or leave it out to use the embedded one.",
            transient=True,
        ) from error
    return client


def broker_name(settings: Settings) -> str:
    """Return what the configured broker is called in sentences, without its password."""
    return f"Broker {without_password(settings.broker or '')}"


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
        **(tls_options(settings) or {}),
    )


def tls_options(settings: Settings) -> dict[str, Any] | None:
    """Return what redis-py and Celery are told about a `rediss://` broker; None without encryption."""
    if settings.broker is None or not settings.broker.startswith("rediss://"):
        return None
    authorities = {} if settings.ca_file is None else {"ssl_ca_certs": str(settings.ca_file)}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **authorities}


def permanent_error(error: Exception, broker: str = "The broker", *, at_once: bool = False) -> BrokerError | None:
    """Return what to say of an error that waiting does not help; None of one that may pass.

    Args:
        error: Of the client.
        broker: What the broker is called.
        at_once: Whether nothing was ever heard of it: else what ends an encrypted connection may be an outage.
    """
    if isinstance(error, redis.exceptions.NoPermissionError):
        return BrokerError(
            f"{broker} does not let this user do what deepchord needs here ({error}): give `deepchord worker` the "
            "worker's user and all other commands the coordinator's user, in DEEPCHORD_BROKER or --broker, with the "
            "rights that `deepchord files users.acl` prints for each."
        )
    if isinstance(error, redis.AuthenticationError):
        return BrokerError(f"{broker} refuses the user name or password given with --broker or DEEPCHORD_BROKER.")
    certain = at_once or any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))
    distrust = _why_not_trusted(error) if certain else None
    return None if distrust is None else BrokerError(f"{broker} {distrust}.")


def describe_error(error: Exception) -> str:
    """Return what an error of the broker means, as far as that is known, else what it says; without a full stop."""
    state = broker_state(error, {})
    return str(error).rstrip(".") if state is None else f"it {state.text}"


def as_text(value: bytes | str) -> str:
    """Return what the broker holds as text, whatever bytes it are."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def _why_not_trusted(error: BaseException) -> str | None:
    """Return what is wrong with a broker's TLS and what to do; None if it is something else."""
    found = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
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


def _state_at_connecting(settings: Settings, error: Exception) -> BrokerState | None:
    """Return what is wrong with a broker that does not even answer a ping; None if that is not known."""
    facts: dict[str, Any] = {}
    if isinstance(error, redis.AuthenticationError | redis.ResponseError):
        # A Sentinel mostly has no password and never a database; without them it tells what it is.
        stranger = settings.model_copy(update={"broker": server_url(settings.broker or "")})
        facts = _info_if_allowed(settings) or _info_if_allowed(stranger)
    elif (settings.broker or "").startswith("redis://") and _speaks_tls(settings, error):
        return BrokerState(text="speaks TLS: write rediss:// in place of redis://", transient=False)
    elif (settings.broker or "").startswith("rediss://") and _speaks_plainly(settings, error):
        return BrokerState(text="does not speak TLS: write redis:// in place of rediss://", transient=False)
    return broker_state(error, facts)


def _info_if_allowed(settings: Settings) -> dict[str, Any]:
    try:
        with connect_lazily(settings) as client:
            return server_info(client)
    except (redis.RedisError, OSError):
        return {}


def _speaks_plainly(settings: Settings, error: Exception) -> bool:
    """Say whether what answers no handshake answers a ping without one, be it that a password is needed."""
    if any(isinstance(cause, ssl.SSLCertVerificationError | ConnectionRefusedError) for cause in causes(error)):
        return False
    plain = settings.model_copy(update={"broker": server_url(settings.broker or "").replace("rediss://", "redis://")})
    try:
        with connect_lazily(plain) as client:
            return bool(client.ping())
    except redis.AuthenticationError:
        return True
    except (redis.RedisError, OSError):
        return False


def _speaks_tls(settings: Settings, error: Exception) -> bool:
    """Say whether what has ended a connection answers a handshake; nothing is sent to it afterwards."""
    was_ended = isinstance(error, redis.ConnectionError | OSError) and "clos" in str(error).lower()
    if not was_ended and not any(isinstance(cause, ConnectionResetError | BrokenPipeError) for cause in causes(error)):
        return False
    parts = urlsplit(settings.broker or "")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    host, port = parts.hostname or "", parts.port or 6379
    try:
        with socket.create_connection((host, port), settings.connect_timeout_s) as plain:
            plain.settimeout(settings.connect_timeout_s)
            trusting.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False
    return True


def _reason(error: BaseException) -> str:
    if isinstance(error, redis.ResponseError):
        return str(error)
    spoken = (cause.strerror for cause in causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(spoken, type(error).__name__)
