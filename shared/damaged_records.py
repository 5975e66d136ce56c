"""Records that are torn or another member's: found, and kept aside so that their members are trained again."""

import hashlib
import logging
from collections.abc import Collection, Iterator
from contextlib import suppress

from shared import keys
from shared.documents import MOST_BYTES
from shared.errors import CorruptObjectError, DamagedRecordError, ObjectNotFoundError
from shared.storage import RunStore

logger = logging.getLogger(__name__)


def damaged_records(store: RunStore, run_id: str, indices: Collection[int] | None = None) -> Iterator[int]:
    """Yield the members whose records are damaged; of these members, or of all."""
    for index in store.recorded(run_id) if indices is None else sorted(indices):
        try:
            store.record(run_id, index)
        except DamagedRecordError:
            yield index


def set_record_aside(store: RunStore, run_id: str, index: int) -> bool:
    """Keep a damaged record under another name, so that its member is trained again; False if it is whole.

    No attempt so far counts: one of them did train the member.
    """
    key = keys.record(run_id, index)
    try:
        store.record(run_id, index)
    except DamagedRecordError as error:
        logger.warning("A record is kept aside, and its member trained again: %s", error)
    else:
        return False
    with suppress(CorruptObjectError, ObjectNotFoundError):  # no file, of which there is nothing to keep
        data = store.objects.get(key, MOST_BYTES)
        store.objects.replace(keys.damaged_record(run_id, index, hashlib.sha256(data).hexdigest()), data)
    store.objects.delete(key)
    store.hand_over_all(run_id, index)
    return True
