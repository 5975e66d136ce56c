"""Tells people and programs how runs go: by webhooks, and by what Apprise reaches.

Whoever looks after a run tells it, from settings of its own: no address is stored with a run. `apprise_service` needs a
package that may be missing, so it is imported from its file.
"""

from deepchord.coordinator.notification.notice import Notice
from deepchord.coordinator.notification.notifier import Notifier
from deepchord.coordinator.notification.recipients import open_recipients

__all__ = ["Notice", "Notifier", "open_recipients"]
