"""Who may look and who may act: the token, the session's cookie, and what keeps pages of others from acting."""

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_CSRF_HEADER = "x-deepchord-csrf"
#: Sessions beyond this end the oldest ones: a cookie costs nothing to ask for again.
_MOST_SESSIONS = 1000

_LOCKED = "The dashboard wants its token: give it on the page, or send Authorization: Bearer …"


@dataclass(kw_only=True)
class Access:
    """What the server asks of those who look and of those who act.

    A browser sends the token once and gets a cookie that no script reads and no other site's page has sent along. To
    act, a page sends a second secret in a header, which only a page of this server can have read.
    """

    #: What is asked for.
    token: str
    #: Whether looking needs the token, too.
    guards_reading: bool
    #: Whether anybody may act.
    allows_actions: bool
    #: By session: the secret of the header.
    _sessions: dict[str, str] = field(default_factory=dict)

    def check_reading(self, request: Request) -> None:
        """Raise `HTTPException` unless this client may look."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise HTTPException(403, "Pages of others may not ask this server.")
        if self.guards_reading and not self._has_token(request) and self._session(request) is None:
            raise HTTPException(401, _LOCKED, {"www-authenticate": "Bearer"})

    def check_action(self, request: Request) -> None:
        """Raise `HTTPException` unless this client may act, and means to."""
        if not self.allows_actions:
            raise HTTPException(403, "This dashboard is read-only: start it with --actions where you can protect it.")
        self._check_origin(request)
        if self._has_token(request):
            return
        session = self._session(request)
        if session is None:
            raise HTTPException(401, _LOCKED, {"www-authenticate": "Bearer"})
        if not _equal(request.headers.get(_CSRF_HEADER, ""), self._sessions[session]):
            raise HTTPException(403, "The request lacks the secret of its page: reload the dashboard and try again.")

    def enter(self, request: Request, response: Response) -> str:
        """Begin a session for a client with the token, in a cookie; return the secret for the header of actions.

        Raises:
            HTTPException: The token is wrong, or a page of another site sent it.
        """
        self._check_origin(request)
        if not self._has_token(request):
            raise HTTPException(401, "That is not the token of this dashboard.", {"www-authenticate": "Bearer"})
        session, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[session] = csrf
        response.set_cookie(
            _cookie(request), session, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
        )
        return csrf

    def csrf(self, request: Request) -> str | None:
        """Return the secret for the header of actions; None if the client has no session."""
        session = self._session(request)
        return None if session is None else self._sessions[session]

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and _equal(given, self.token)

    def _session(self, request: Request) -> str | None:
        session = request.cookies.get(_cookie(request), "")
        return session if session in self._sessions else None

    def _check_origin(self, request: Request) -> None:
        """Raise `HTTPException` for what a page of another site sent; programs send no Origin."""
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        is_foreign = origin is not None and urlsplit(origin).netloc != host
        if is_foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "Pages of others may not act through this server.")


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _cookie(request: Request) -> str:
    """Return the name of the cookie: a browser sends those of one host to all of its ports."""
    return f"deepchord-{request.url.port or request.url.scheme}"
