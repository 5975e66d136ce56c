"""The base of every value that crosses a boundary, and how its errors become sentences."""

from deepchord.shared.validation.explanation import ended, explain, nearest, shortened
from deepchord.shared.validation.fields import Sha256, Share
from deepchord.shared.validation.message import PROTOCOL, Message, Versioned

__all__ = ["PROTOCOL", "Message", "Sha256", "Share", "Versioned", "ended", "explain", "nearest", "shortened"]
