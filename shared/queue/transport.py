"""Celery's Redis transport, for which a message that is none is no reason to end the worker."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import Channel, PrefixedStrictRedis, QoS, Transport

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.queue.messages import check_message

logger = logging.getLogger(__name__)

#: What the queues of tasks are called, and begin with.
TASK_QUEUE = "deepchord"
#: What is raised over bytes that are no message, by us or, where we let something through, by kombu and Celery.
_MALFORMED = (MessageDecodeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class _CheckingClient(PrefixedStrictRedis):  # type: ignore[misc]  # kombu has no types
    """Looks at what comes out of a queue before kombu does."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        answer = super().parse_response(connection, command_name, **options)
        if command_name == "BRPOP" and answer:
            queue, data = answer
            check_message(data, is_task=queue.startswith(TASK_QUEUE.encode()))
        return answer


class TolerantQoS(QoS):  # type: ignore[misc]  # kombu has no types
    """Forgets what cannot be put back into its queue; kombu would fail at it for ever, and at all that comes after."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back that its worker did not acknowledge."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except _MALFORMED as error:
            logger.error("What was held unacknowledged is no message, and was discarded (%s).", _kind(error))
            self._remove_from_indices(tag).execute()


class TolerantChannel(Channel):  # type: ignore[misc]  # kombu has no types
    """Discards what it cannot read; kombu would let the error end the consumer, and Celery the worker."""

    QoS = TolerantQoS

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

    def _get_client(self) -> Any:
        super()._get_client()  # refuses versions of redis-py that do not fit
        return partial(_CheckingClient, global_keyprefix=self.global_keyprefix)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except _MALFORMED as error:
            logger.error("Something in a queue is no message, and was discarded (%s).", _kind(error))
            return True

    def _handle_message(self, client: Any, response: Any) -> Any:
        payload = super()._handle_message(client, response)
        if payload["type"].endswith(b"message") and payload["data"]:
            check_message(payload["data"], is_task=False)
        return payload

    def _receive_one(self, client: Any) -> Any:
        try:
            return super()._receive_one(client)
        except _MALFORMED as error:
            logger.error("Something that was sent to all is no message, and was discarded (%s).", _kind(error))
            return None


class TolerantTransport(Transport):  # type: ignore[misc]  # kombu has no types
    """The transport of all our connections."""

    Channel = TolerantChannel


class TolerantSocketTransport(TolerantTransport):
    """The same over a Unix socket, whose URL is for the channel to read: kombu would take it for one with a host."""

    can_parse_url = True


#: How Celery finds them: by the names that Flower and others go by when they ask what kind of broker it is.
TRANSPORT, SOCKET_TRANSPORT = "redis", "redis+socket"
TRANSPORT_ALIASES[TRANSPORT] = f"{__name__}:{TolerantTransport.__name__}"
TRANSPORT_ALIASES[SOCKET_TRANSPORT] = f"{__name__}:{TolerantSocketTransport.__name__}"


def _kind(error: Exception) -> str:
    return str(error) if isinstance(error, MessageDecodeError) else type(error).__name__
