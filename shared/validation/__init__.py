"""The base class of all messages, fields that many of them have, and how validation errors become sentences."""

from deepchord.shared.validation.explanation import explain, shortened, suggestion, with_full_stop
from deepchord.shared.validation.fields import Sha256, Share
from deepchord.shared.validation.message import PROTOCOL, ExtendedMessage, Message, Versioned

__all__ = [
    "PROTOCOL",
    "ExtendedMessage",
    "Message",
    "Sha256",
    "Share",
    "Versioned",
    "explain",
    "shortened",
    "suggestion",
    "with_full_stop",
]
