"""Whatever Apprise reaches: mail, Slack, Matrix, ntfy and a hundred more."""

import logging
import warnings

import apprise

from deepchord.coordinator.notification.notice import Notice
from deepchord.shared.errors import InputError, NoticeError

#: Where Apprise writes what it does; addresses with their secrets are among it.
_APPRISES_LOGGER = "apprise"


class AppriseService:
    """One address of Apprise."""

    def __init__(self, address: str, *, label: str) -> None:
        """Take the address; nothing is sent.

        Args:
            address: `ntfy://topic`, `mailto://user:password@host` …
            label: What it is called in messages.

        Raises:
            InputError: Apprise does not know such an address.
        """
        self.address = address
        self.label = label
        logging.getLogger(_APPRISES_LOGGER).disabled = True
        self._service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="deepchord", app_desc="deepchord"))
        with warnings.catch_warnings():
            # It imports deprecated modules of Python when it looks for its services.
            warnings.simplefilter("ignore", DeprecationWarning)
            is_known = self._service.add(address)
        if not is_known:
            raise InputError(
                f"The {label} is not one that Apprise knows, or a part of it is missing; `apprise --details` lists the "
                "services, and https://appriseit.com/services/ tells what an address of each is made of."
            )

    def tell(self, notice: Notice) -> None:
        """Send a notice; see `Recipient`."""
        kind = apprise.NotifyType.SUCCESS if notice.event == "evaluated" else apprise.NotifyType.FAILURE
        if not self._service.notify(title=notice.title, body=notice.message, notify_type=kind):
            raise NoticeError("its service took no message", transient=True)
