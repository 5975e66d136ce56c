"""Who is told: webhooks, and what Apprise reaches. What is shown of an address holds no secret."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from deepchord.coordinator.notification.notice import Notice
from deepchord.coordinator.notification.webhook import Webhook
from deepchord.shared.errors import InputError
from deepchord.shared.host import how_to_install
from deepchord.shared.settings import Settings

_WEB = ("http", "https")
_EXAMPLES = "https://host/path is a webhook, ntfy://topic or mailto://user:password@host an address of Apprise"


class Recipient(Protocol):
    """One who is told how runs go."""

    @property
    def address(self) -> str:
        """Its address, which may hold secrets."""
        ...

    @property
    def label(self) -> str:
        """What it is called in logs and messages, without a secret."""
        ...

    def tell(self, notice: Notice) -> None:
        """Send a notice, once.

        Raises:
            NoticeError: It could not be sent.
        """
        ...


def open_recipients(settings: Settings) -> Sequence[Recipient]:
    """Return those who are to be told, as the settings name them; nothing is sent.

    Raises:
        InputError: An address is not valid, or needs a package that is not installed. The message does not show it.
    """
    return [_open(settings, number, address) for number, address in enumerate(settings.notify, 1)]


def _open(settings: Settings, number: int, address: str) -> Recipient:
    scheme, _, place = address.partition(":")
    name = f"address {number} of --notify"
    if not place.startswith("//"):
        raise InputError(f"The {name} has no ://; {_EXAMPLES}.")
    if scheme.lower() in _WEB:
        return Webhook(
            address, label=f"{name} ({_host(name, address)})", secret=settings.notify_secret, ca_file=settings.ca_file
        )
    label = f"{name} ({scheme.lower()}://…)"
    if find_spec("apprise") is None:
        raise InputError(f"The {label} needs another package: {how_to_install('notify')}.")
    from deepchord.coordinator.notification.apprise_service import AppriseService

    return AppriseService(address, label=label)


def _host(name: str, address: str) -> str:
    """Return scheme, host and port of a webhook: its path may be the secret."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise InputError(f"The {name} names no host, or no valid port; {_EXAMPLES}.")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{shown}" + (f":{port}" if port else "")
