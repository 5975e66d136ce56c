"""Celery's Redis transport, for which a message that is none is no reason to end the worker."""

import logging
from collections.abc import Callable
from typing import Any

from kombu.transport.redis import Channel, Transport

logger = logging.getLogger(__name__)

#: What kombu raises over bytes in a queue that are no message of its own.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)


class SturdyChannel(Channel):  # type: ignore[misc]  # kombu has no types
    """Discards what it cannot read; kombu would let the error end the consumer, and Celery the worker."""

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callable[[Any], Any], *args: Any, **options: Any
    ) -> Any:
        """Consume; a message that Celery fails at is rejected, for it would else be held for ever."""

        def guarded(message: Any) -> Any:
            try:
                return callback(message)
            except _MALFORMED as error:
                logger.exception("A message could not be understood, and was discarded (%s).", type(error).__name__)
                return self.basic_reject(message.delivery_tag, requeue=False)

        return super().basic_consume(queue, no_ack, guarded, *args, **options)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except _MALFORMED as error:
            logger.error("Something in a queue is no message, and was discarded (%s: %s).", type(error).__name__, error)
            return True


class SturdyTransport(Transport):  # type: ignore[misc]  # kombu has no types
    """The transport of all our connections."""

    Channel = SturdyChannel


class SturdySocketTransport(SturdyTransport):
    """The same over a Unix socket, whose URL is for the channel to read: kombu would take it for one with a host."""

    can_parse_url = True


#: How Celery finds them.
TRANSPORT = f"{__name__}:{SturdyTransport.__name__}"
SOCKET_TRANSPORT = f"{__name__}:{SturdySocketTransport.__name__}"
