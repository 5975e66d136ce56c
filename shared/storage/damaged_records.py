"""Finds records that are torn or another member's, and keeps them aside so that their members are trained again."""

import hashlib
import logging
from collections.abc import Collection, Iterator

from deepchord.shared.errors import DamagedRecordError, OtherVersionError
from deepchord.shared.storage import keys
from deepchord.shared.storage.run_store import RunStore

logger = logging.getLogger(__name__)


def damaged_records(store: RunStore, run_id: str, indices: Collection[int] | None = None) -> Iterator[int]:
    """Yield the members whose records are damaged; of these members, or of all."""
    for index in store.recorded_members(run_id) if indices is None else sorted(indices):
        if _damage_of(store, run_id, index) is not None:
            yield index


def set_record_aside(store: RunStore, run_id: str, index: int) -> bool:
    """Keep a damaged record under another name, so that its member is trained again; False if it is whole.

    What is kept are the very bytes that were found damaged, and nothing else is removed: meanwhile somebody else may
    have set them aside, and a worker committed a record. No attempt so far counts: one of them did train the member.
    """
    damage = _damage_of(store, run_id, index)
    if damage is None:
        return False
    if damage.data is not None:
        sha256 = hashlib.sha256(damage.data).hexdigest()
        store.objects.replace(keys.damaged_record(run_id, index, sha256), damage.data)
    still = _damage_of(store, run_id, index)
    if still is None or still.data != damage.data:
        return False
    store.objects.delete(keys.record(run_id, index))
    logger.warning("A record is kept aside, and its member trained again: %s", damage)
    store.member(run_id, index).hand_over_all()
    return True


def _damage_of(store: RunStore, run_id: str, index: int) -> DamagedRecordError | None:
    """Return what is wrong with a record; None if it is whole, of another version, or there is none."""
    try:
        store.member(run_id, index).record()
    except DamagedRecordError as error:
        return error
    except OtherVersionError:  # sound for those who can read it
        return None
    return None
