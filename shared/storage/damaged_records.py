"""Finds damaged records and moves them aside, so that their members are trained again."""

import hashlib
import logging
from collections.abc import Collection, Iterator

from deepchord.shared.errors import DamagedRecordError, OtherVersionError
from deepchord.shared.storage import keys
from deepchord.shared.storage.run_store import RunStore

logger = logging.getLogger(__name__)


def damaged_records(store: RunStore, run_id: str, indices: Collection[int] | None = None) -> Iterator[int]:
    """Yield the members whose records are damaged; among the given members, or among all."""
    for index in store.recorded_members(run_id) if indices is None else sorted(indices):
        if _damage_of(store, run_id, index) is not None:
            yield index


def set_record_aside(store: RunStore, run_id: str, index: int) -> bool:
    """Move a damaged record aside, so that its member is trained again; return False if it is not damaged.

    Only the bytes that were found damaged are removed. In the meantime another process may have moved them aside, and a
    worker may have committed a new record. The attempts so far no longer count, because one of them succeeded.
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
    """Return what is wrong with a record; None if it is sound, of another version, or not there."""
    try:
        store.member(run_id, index).record()
    except DamagedRecordError as error:
        return error
    except OtherVersionError:  # the version that wrote it can read it
        return None
    return None
