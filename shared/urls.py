"""URLs as they are given and as they may be shown."""

import re
from urllib.parse import urlsplit


def is_broker_url(url: str) -> bool:
    """Say whether a URL can name a broker: `redis://[:password@]host:port/db` or `rediss://…`."""
    try:
        parts = urlsplit(url)
        known = url.startswith(("redis://", "rediss://")) and (parts.port or 0) >= 0
    except ValueError:
        return False
    # A query would be heeded by some of what speaks to the broker, and not by the rest.
    bare = not parts.query and not parts.fragment and parts.netloc != ""
    return known and bare and re.fullmatch(r"/?|/[0-9]{1,5}", parts.path) is not None


def without_password(url: str) -> str:
    """Return a URL that may be printed, however malformed: all that could be a user, password or query is left out."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    secret, _, place = rest.rpartition("@")
    if "?" in secret or "#" in secret:
        place = "…"  # nobody can say whether this is a password with a sign that should be encoded, or a query
    return scheme + separator + place.partition("?")[0].partition("#")[0]
