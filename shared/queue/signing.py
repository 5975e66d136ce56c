"""Signs messages if a fleet has a signing key: without the key nobody can start training through the broker."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from deepchord.shared.errors import SignatureError


def sign(key: str, message: Mapping[str, Any]) -> str:
    """Return the HMAC-SHA256 of a message as JSON with sorted names, in hexadecimal digits."""
    text = json.dumps(message, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def check_signature(key: str | None, message: Mapping[str, Any], signature: object) -> None:
    """Raise `SignatureError` unless a message is signed with the key; without a key every message is accepted."""
    if key is None:
        return
    if not isinstance(signature, str):
        raise SignatureError(
            "The message is not signed, but this worker has a DEEPCHORD_SIGNING_KEY: give the coordinator the same."
        )
    if not hmac.compare_digest(signature.encode(), sign(key, message).encode()):
        raise SignatureError(
            "The message is signed with another DEEPCHORD_SIGNING_KEY than this worker's, or was changed on its way."
        )
