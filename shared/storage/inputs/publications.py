"""When something was published last, so that nothing is removed that somebody is about to use."""

from datetime import UTC, datetime

from pydantic import AwareDatetime

from deepchord.shared.errors import MessageDecodeError, ObjectNotFoundError
from deepchord.shared.storage.documents import read_document
from deepchord.shared.storage.inputs import input_keys
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.validation import Message


class Publication(Message):
    """When an object was published last, or found to be there by somebody who would have published it."""

    published_at: AwareDatetime


def note_publication(objects: ObjectStore, sha256: str) -> None:
    """Note that something is being published now; before storage is asked whether it is there."""
    note = Publication(published_at=datetime.now(UTC))
    objects.replace(input_keys.publication(sha256), note.encode())


def published_at(objects: ObjectStore, sha256: str) -> datetime | None:
    """Return when something was published last; None: an earlier version did, or the note is damaged."""
    try:
        return read_document(objects, Publication, input_keys.publication(sha256)).published_at
    except (ObjectNotFoundError, MessageDecodeError):
        return None
