"""Writes a run with all that it is made of into one file."""

import hashlib
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from deepchord.coordinator.housekeeping.archive import LIST, OBJECTS, ArchivedObject, ArchiveList
from deepchord.coordinator.housekeeping.survey import parts_of, used_by
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import CorruptObjectError, InputError
from deepchord.shared.files import written_aside
from deepchord.shared.messages import RunSpec
from deepchord.shared.storage import RunStore, input_keys, keys

#: A ZIP has times, which would make two exports of one run differ.
_TIME = (1980, 1, 1, 0, 0, 0)


def export_run(store: RunStore, run: RunSpec, path: Path) -> int:
    """Write a run, its data sets and its initial weights into a file; return how many bytes it has.

    Args:
        store: The storage of the run.
        run: The run, which must not change meanwhile; see `check_settled`.
        path: The file.

    Raises:
        InputError: There is such a file, or it cannot be written.
        CorruptObjectError: A data set or the initial weights are damaged.
        StorageError: Storage does not answer.
    """
    if path.exists():
        raise InputError(f"{printable_path(path)} is there already: give another name, or remove it.")
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as file:
        listed = tuple(_write(store, file, key) for key in _keys(store, run))
        contents = ArchiveList(run_id=run.run_id, exported_at=datetime.now(UTC), objects=listed)
        file.writestr(zipfile.ZipInfo(LIST, _TIME), contents.encode())
    return path.stat().st_size


def _keys(store: RunStore, run: RunSpec) -> Iterator[str]:
    """Yield the keys of all that belongs to a run, but for where it was trained."""
    for sha256 in sorted(used_by(store, run)):
        candidates = (
            input_keys.dataset(sha256),
            input_keys.dataset_manifest(sha256),
            input_keys.initial_weights(sha256),
        )
        found = [key for key in candidates if store.objects.exists(key)]
        if not found:
            raise CorruptObjectError(
                f"Run {run.run_id} in {store.objects.url} has lost {sha256[:12]}…, which it is made of: restore "
                f"{candidates[0]}, {candidates[1]} or {candidates[2]} from a copy."
            )
        yield from found
        if candidates[1] in found:
            yield from map(input_keys.shard, sorted(parts_of(store, sha256)))
    yield from (key for key in store.objects.list(keys.run_folder(run.run_id)) if key != keys.local(run.run_id))


def _write(store: RunStore, file: zipfile.ZipFile, key: str) -> ArchivedObject:
    data = store.objects.get(key)
    sha256 = hashlib.sha256(data).hexdigest()
    if input_keys.sha256_of(key) not in (None, sha256):
        raise CorruptObjectError(f"{store.objects.url}/{key} is damaged. Restore it from a copy.")
    file.writestr(zipfile.ZipInfo(OBJECTS + key, _TIME), data)
    return ArchivedObject(key=key, size_bytes=len(data), sha256=sha256)
