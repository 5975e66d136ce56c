"""Checks and converts URLs of brokers, and removes passwords from URLs that are shown."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

#: The scheme of a Unix socket in redis-py, which we use, and in Celery.
_SOCKET, _CELERYS_SOCKET = "unix", "redis+socket"
#: The query parameter for the number of the database in the URL of a socket, by scheme.
_DATABASE = {_SOCKET: "db", _CELERYS_SOCKET: "virtual_host"}

_EXPECTED = "expected redis://[:password@]host:port/db, rediss://… or unix:///path/of/the/socket?db=0"


def broker_url(url: str) -> str:
    """Return the URL of a broker in the form that we use; a Unix socket may be given in several forms.

    Args:
        url: `redis://[user:password@]host:port/db`, `rediss://…`, `unix://[user:password@]/path?db=0` or, as Celery
            writes it, `redis+socket://[user:password@]/path?virtual_host=0`.

    Raises:
        ValueError: The URL is not one of a broker; the message says what was expected, without a password.
    """
    scheme = url.partition("://")[0].lower()
    if scheme in _DATABASE:
        return _socket_url(url)
    if "sentinel" in scheme:
        raise ValueError(
            "Sentinel is not supported, for after it has put a replica in the primary's place, what was written last "
            "may be gone; give the primary's address, redis://[:password@]host:port/db, which "
            "`redis-cli -p 26379 sentinel get-master-addr-by-name NAME` tells"
        )
    if "cluster" in scheme:
        raise ValueError("Redis Cluster is not supported: give one server, redis://[:password@]host:port/db")
    if scheme in ("valkey", "valkeys"):
        raise ValueError(f"Valkey is reached with redis{scheme.removeprefix('valkey')}:// in place of {scheme}://")
    if not _is_network_url(url):
        raise ValueError(
            f"{_EXPECTED}, and no other query, found {without_password(url)} "
            "(in a password, write / as %2F, @ as %40, ? as %3F and # as %23)"
        )
    return url


def is_socket(url: str) -> bool:
    """Return whether the URL of a broker is one of a Unix socket."""
    return url.startswith(f"{_SOCKET}://")


def celery_url(url: str) -> str:
    """Return the URL of a broker as Celery understands it; only the URL of a Unix socket differs."""
    if not is_socket(url):
        return url
    parts = urlsplit(url)
    database = dict(parse_qsl(parts.query)).get(_DATABASE[_SOCKET], "0")
    return f"socket://{parts.netloc}{parts.path}?{_DATABASE[_CELERYS_SOCKET]}={database}"


def without_password(url: str) -> str:
    """Return a URL without what may be its user, password or query, so that it can be shown; it may be malformed."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    secret, _, place = rest.rpartition("@")
    if "?" in secret or "#" in secret:
        place = "…"  # this may be a query, or a password with a character that should be encoded
    return scheme + separator + place.partition("?")[0].partition("#")[0]


def broker_user(url: str) -> str | None:
    """Return the user in the valid URL of a broker; None: there is none, or it is the one that everybody is."""
    name = unquote(urlsplit(url).username or "")
    return None if name in ("", "default") else name


def server_url(url: str) -> str:
    """Return the valid URL of a broker without user, password and database."""
    parts = urlsplit(url)
    path = parts.path if is_socket(url) else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _is_network_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = url.startswith(("redis://", "rediss://")) and (parts.port or 0) >= 0
    except ValueError:
        return False
    # A query would change only some of the connections to the broker.
    is_plain = not parts.query and not parts.fragment and parts.netloc != ""
    return known and is_plain and re.fullmatch(r"/?|/[0-9]{1,5}", parts.path) is not None


def _socket_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    query = parse_qsl(parts.query, keep_blank_values=True)
    database = re.fullmatch("[0-9]{1,5}", query[0][1]) if query and query[0][0] == _DATABASE[scheme] else None
    host = parts.netloc.rpartition("@")[2]
    # urlsplit ends the path at a question mark; Celery removes all slashes at its beginning.
    is_path = len(parts.path.rstrip("/")) > 1 and not parts.path.startswith("//") and not parts.fragment
    if host or not is_path or len(query) > 1 or (query and database is None):
        raise ValueError(
            f"expected an absolute path and at most the database's number, {_SOCKET}:///path/of/the/socket?"
            f"{_DATABASE[_SOCKET]}=0 or {_CELERYS_SOCKET}:///path/of/the/socket?{_DATABASE[_CELERYS_SOCKET]}=0, found "
            f"{without_password(url)}"
        )
    number = int(database[0]) if database else 0
    return f"{_SOCKET}://{parts.netloc}{quote(parts.path, safe='/%')}?{_DATABASE[_SOCKET]}={number}"
