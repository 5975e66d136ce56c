"""Celery's Redis transport, made tolerant: it discards what is not a message, and the worker goes on."""

import logging
from collections.abc import Callable
from functools import cached_property, partial
from time import monotonic
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import Channel, PrefixedStrictRedis, QoS, Transport

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.queue.fair_order import FairOrder
from deepchord.shared.queue.messages import check_message

logger = logging.getLogger(__name__)

#: The name of the queue of tasks; the names of all queues of tasks begin with it.
TASK_QUEUE = "deepchord"
#: The errors that we, kombu or Celery raise for bytes that are not a message.
_MALFORMED = (MessageDecodeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class _CheckingClient(PrefixedStrictRedis):  # type: ignore[misc]  # kombu has no types
    """Checks what comes out of a queue before kombu reads it."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        answer = super().parse_response(connection, command_name, **options)
        if command_name == "BRPOP" and answer:
            queue, data = answer
            check_message(data, is_task=queue.startswith(TASK_QUEUE.encode()))
        return answer


class TolerantQoS(QoS):  # type: ignore[misc]  # kombu has no types
    """Discards a message that cannot be requeued. kombu would fail at it each time, and requeue none after it."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Requeue a message that its worker did not acknowledge."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except _MALFORMED as error:
            logger.error("What was held unacknowledged is no message, and was discarded (%s).", _reason(error))
            self._remove_from_indices(tag).execute()


class TolerantChannel(Channel):  # type: ignore[misc]  # kombu has no types
    """Discards what it cannot read; with kombu's own channel the error ends the consumer, and so the worker.

    Workers take messages in the order that `FairOrder` makes.
    """

    QoS = TolerantQoS

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callable[[Any], Any], *args: Any, **options: Any
    ) -> Any:
        """Consume a queue; reject a message that Celery fails at, which would otherwise stay unacknowledged."""

        def guarded(message: Any) -> Any:
            try:
                return callback(message)
            except _MALFORMED as error:
                logger.exception("A message could not be understood, and was discarded (%s).", type(error).__name__)
                return self.basic_reject(message.delivery_tag, requeue=False)

        return super().basic_consume(queue, no_ack, guarded, *args, **options)

    def _get_client(self) -> Any:
        super()._get_client()  # raises for versions of redis-py that kombu does not support
        return partial(_CheckingClient, global_keyprefix=self.global_keyprefix)

    @cached_property
    def _order(self) -> FairOrder:
        # A client of its own: kombu's would put the prefix before the first key of a script only.
        return FairOrder(redis.Redis(connection_pool=self.pool), self.sep)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Ask for the message that is to be taken next; kombu asks for the one that has waited longest."""
        queues = sorted(self.active_queues)
        if not (queues and self.ack_emulation and self._order.prepare(queues)):
            super()._brpop_start(timeout)
            return
        lists = [self._order.own_list(queue) for queue in queues]
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        command = self.client._prefix_args(["BRPOP", *lists, timeout or self.brpop_timeout])
        self.client.connection.send_command(*command)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except _MALFORMED as error:
            logger.error("Something in a queue is no message, and was discarded (%s).", _reason(error))
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
            logger.error("Something that was sent to all is no message, and was discarded (%s).", _reason(error))
            return None


class TolerantTransport(Transport):  # type: ignore[misc]  # kombu has no types
    """The transport of all our connections to a broker."""

    Channel = TolerantChannel


class TolerantSocketTransport(TolerantTransport):
    """The same over a Unix socket. The channel parses the URL itself: kombu would read a host from it."""

    can_parse_url = True


#: The names under which Celery finds the transports; Flower recognises the kind of broker by them.
TRANSPORT, SOCKET_TRANSPORT = "redis", "redis+socket"
TRANSPORT_ALIASES[TRANSPORT] = f"{__name__}:{TolerantTransport.__name__}"
TRANSPORT_ALIASES[SOCKET_TRANSPORT] = f"{__name__}:{TolerantSocketTransport.__name__}"


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MessageDecodeError) else type(error).__name__
