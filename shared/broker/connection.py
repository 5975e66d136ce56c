"""Connects to the broker, or explains in one sentence why it does not answer."""

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

#: The prefix of all our keys, so that other users of the same Redis database are not disturbed.
KEY_PREFIX = "deepchord:"

#: OpenSSL's error codes for certificates: X509_V_ERR_CERT_HAS_EXPIRED, …_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH.
_EXPIRED = 10
_OTHER_HOST = (62, 64)
#: How long to wait for a broker that has just started and still loads its data.
_LOADS_WITHIN_S = 10.0


def connect(settings: Settings) -> redis.Redis:
    """Return a client of the configured broker after a successful ping; wait while the broker still loads its data.

    Raises:
        InputError: No broker is configured.
        BrokerError: It does not answer within `connect_timeout_s`, refuses the credentials, or cannot be used.
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
        raise permanent_error(error, broker, first_contact=True) or BrokerError(
            f"{broker} does not answer as Redis or Valkey ({_reason(error)}): start it, "
            "correct --broker or DEEPCHORD_BROKER, or leave it out to use the embedded one.",
            transient=True,
        ) from error
    return client


def broker_name(settings: Settings) -> str:
    """Return a name of the configured broker for messages, without its password."""
    return f"Broker {without_password(settings.broker or '')}"


def configured_url(settings: Settings) -> str:
    """Return the URL of the configured broker, with its password.

    Raises:
        InputError: No broker is configured.
    """
    if settings.broker is None:
        raise InputError("No broker is given: set DEEPCHORD_BROKER or --broker to redis://[:password@]host:port/0.")
    return settings.broker


def connect_lazily(settings: Settings, timeout_s: float | None = None) -> redis.Redis:
    """Return a client of the configured broker that connects at its first use, and again after an outage.

    Args:
        settings: Where the broker is.
        timeout_s: How long to wait for an answer; None: `connect_timeout_s`.

    Raises:
        InputError: No broker is configured.
    """
    return redis.Redis.from_url(
        configured_url(settings),
        socket_connect_timeout=settings.connect_timeout_s,
        socket_timeout=timeout_s or settings.connect_timeout_s,
        retry=Retry(NoBackoff(), 0),
        **(tls_options(settings) or {}),
    )


def tls_options(settings: Settings) -> dict[str, Any] | None:
    """Return the TLS options of redis-py and Celery for a `rediss://` broker; None without encryption."""
    if settings.broker is None or not settings.broker.startswith("rediss://"):
        return None
    authorities = {} if settings.ca_file is None else {"ssl_ca_certs": str(settings.ca_file)}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **authorities}


def permanent_error(error: Exception, broker: str = "The broker", *, first_contact: bool = False) -> BrokerError | None:
    """Return the error to raise if waiting does not help; None if the broker may recover by itself.

    Args:
        error: The error of the client.
        broker: The name of the broker in the message.
        first_contact: Whether the broker has never answered yet. Later, an outage may look like a TLS error.
    """
    if isinstance(error, redis.exceptions.NoPermissionError):
        return BrokerError(
            f"{broker} does not let this user do what deepchord needs here ({error}): give `deepchord worker` the "
            "worker's user and all other commands the coordinator's user, in DEEPCHORD_BROKER or --broker, with the "
            "rights that `deepchord files users.acl` prints for each."
        )
    if isinstance(error, redis.AuthenticationError):
        return BrokerError(f"{broker} refuses the user name or password given with --broker or DEEPCHORD_BROKER.")
    certain = first_contact or any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))
    tls_problem = _tls_problem(error) if certain else None
    return None if tls_problem is None else BrokerError(f"{broker} {tls_problem}.")


def describe_error(error: Exception) -> str:
    """Return what an error of the broker means, or its text if the meaning is not known; without a full stop."""
    state = broker_state(error, {})
    return str(error).rstrip(".") if state is None else f"it {state.text}"


def as_text(value: bytes | str) -> str:
    """Return a value of the broker as text; bytes that are not UTF-8 are replaced."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def _tls_problem(error: BaseException) -> str | None:
    """Return what is wrong with the broker's TLS and what to do; None if TLS is not the problem."""
    failure = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
    if failure is None:
        return None
    if not isinstance(failure, ssl.SSLCertVerificationError):
        return "does not speak TLS as it should: give redis:// if it has none"
    if failure.verify_code == _EXPIRED:
        return "has a certificate that has expired, or one of its authority's has: make a new one"
    if failure.verify_code in _OTHER_HOST:
        return "has a certificate that is for another host: give the name that it was made for, or make a new one"
    return (
        f"has a certificate that is not trusted ({failure.verify_message}): name the file with its authority's "
        "in DEEPCHORD_CA_FILE"
    )


def _state_at_connecting(settings: Settings, error: Exception) -> BrokerState | None:
    """Return the state of a broker that does not answer a ping; None if it is not known."""
    info: dict[str, Any] = {}
    if isinstance(error, redis.AuthenticationError | redis.ResponseError):
        # Most Sentinels have no password, and none has databases: ask again without both.
        anonymous = settings.model_copy(update={"broker": server_url(settings.broker or "")})
        info = _info_if_allowed(settings) or _info_if_allowed(anonymous)
    elif (settings.broker or "").startswith("redis://") and _speaks_tls(settings, error):
        return BrokerState(text="speaks TLS: write rediss:// in place of redis://", transient=False)
    elif (settings.broker or "").startswith("rediss://") and _speaks_plainly(settings, error):
        return BrokerState(text="does not speak TLS: write redis:// in place of rediss://", transient=False)
    return broker_state(error, info)


def _info_if_allowed(settings: Settings) -> dict[str, Any]:
    try:
        with connect_lazily(settings) as client:
            return server_info(client)
    except (redis.RedisError, OSError):
        return {}


def _speaks_plainly(settings: Settings, error: Exception) -> bool:
    """Return whether a broker that fails the TLS handshake answers without TLS, also if it asks for a password."""
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
    """Return whether a broker that closed a plain connection answers a TLS handshake; no data is sent to it."""
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
