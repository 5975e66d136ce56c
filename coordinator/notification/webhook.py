"""A webhook: gets a notice as JSON by POST, signed as Standard Webhooks (standardwebhooks.com) describes it."""

import base64
import binascii
import hashlib
import hmac
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deepchord.coordinator.notification.notice import Notice
from deepchord.shared.errors import InputError, NoticeError
from deepchord.shared.version import version

#: How long one answer may be waited for.
_TIMEOUT_S = 5.0
#: A secret that begins so goes on in Base64, as Standard Webhooks has it; any other one is taken as it is.
_BASE64_PREFIX = "whsec_"
#: Answers that say nothing about the notice: the same request may work in a moment.
_TRANSIENT_STATUSES = (408, 425, 429, *range(500, 600))
_REDIRECTS = range(300, 400)


class Webhook:
    """A webhook. It is not followed elsewhere: a redirect would take notice and signature to another host."""

    def __init__(self, address: str, *, label: str, secret: str | None, ca_file: Path | None) -> None:
        """Take the address; nothing is sent.

        Args:
            address: `http://…` or `https://…`; user and password in it are sent as basic authentication.
            label: What it is called in messages.
            secret: What notices are signed with; None: they are not.
            ca_file: Certificates of authorities that are trusted besides the system's.

        Raises:
            InputError: The secret begins as one in Base64, and is none.
        """
        self.address = address
        self.label = label
        self._key = None if secret is None else _key(secret)
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects)

    def tell(self, notice: Notice) -> None:
        """Send a notice; see `Recipient`."""
        body = notice.encode()
        url, authorization = _without_user(self.address)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"deepchord/{version()}",
            **signature(notice.id, int(time.time()), body, self._key),
            **authorization,
        }
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  http or https
        try:
            self._opener.open(request, timeout=_TIMEOUT_S).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise _refusal(error.code) from None  # its cause would show the address in a traceback
        except TimeoutError:
            raise NoticeError(f"no answer came within {_TIMEOUT_S:g} s", transient=True) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failure(error) from None


def signature(notice_id: str, timestamp: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """Return the headers that identify and, with a key, sign a notice.

    Args:
        notice_id: The id of the notice; who gets it twice has it once.
        timestamp: Seconds since 1970; a receiver refuses what is too old.
        body: What is sent.
        key: The key of HMAC-SHA256; None: without a signature.
    """
    headers = {"Webhook-Id": notice_id, "Webhook-Timestamp": str(timestamp)}
    if key is None:
        return headers
    signed = hmac.new(key, f"{notice_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return headers | {"Webhook-Signature": f"v1,{base64.b64encode(signed).decode()}"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Return nothing: the answer is then an error with its status."""


def _key(secret: str) -> bytes:
    if not secret.startswith(_BASE64_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_BASE64_PREFIX), validate=True)
    except binascii.Error:
        raise InputError(
            f"DEEPCHORD_NOTIFY_SECRET begins with {_BASE64_PREFIX}, and what follows is not Base64: leave that "
            "beginning out to have the secret taken as it is."
        ) from None


def _without_user(address: str) -> tuple[str, Mapping[str, str]]:
    """Return a URL without user and password, and the header that carries them."""
    parts = urlsplit(address)
    if parts.username is None:
        return address, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=place).geturl(), {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _refusal(status: int) -> NoticeError:
    if status in _REDIRECTS:
        return NoticeError(f"it redirects (status {status}), which is not followed: give the address it leads to")
    phrase = http.client.responses.get(status, "unknown")
    return NoticeError(f"it answered {status} ({phrase})", transient=status in _TRANSIENT_STATUSES)


def _failure(error: Exception) -> NoticeError:
    """Return why a webhook could not be reached, without the address, which some errors show."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NoticeError(f"its certificate is not trusted ({reason.verify_message}); DEEPCHORD_CA_FILE names more")
    if isinstance(reason, TimeoutError):
        return NoticeError(f"no answer came within {_TIMEOUT_S:g} s", transient=True)
    if isinstance(reason, OSError) and reason.strerror:
        return NoticeError(f"it cannot be reached: {reason.strerror}", transient=True)
    return NoticeError(f"it does not speak HTTP, or its address is not valid ({type(reason).__name__})")
