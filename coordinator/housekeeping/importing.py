"""Reads a run from a file of `export_run` into a storage; nothing is written before all of it is verified."""

import zipfile
from pathlib import Path

from deepchord.coordinator.housekeeping.archive import (
    ArchivedObject,
    ArchiveList,
    opened_archive,
    read_object,
    verify_objects,
)
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.storage import RunStore, check_key, input_keys, keys, note_publication

#: What a storage holds: JSON, arrays, weights.
_SUFFIXES = (".json", ".npz", ".npy", ".hdf5")


def import_run(store: RunStore, path: Path) -> RunSpec:
    """Read a run, its data sets and its initial weights into a storage; return its newest spec.

    The spec comes last: a run that was imported by half is none, and importing it again goes on.

    Args:
        store: The storage.
        path: A file of `export_run`.

    Raises:
        InputError: The file is damaged or holds something else, or storage has a run of that id.
        StorageError: Storage cannot be written.
    """
    with opened_archive(path) as (file, contents):
        for listed in contents.objects:
            _check(listed, contents.run_id, store, path)
        spec = next((each for each in contents.objects if each.key == keys.run(contents.run_id)), None)
        if spec is None:
            raise InputError(f"{printable_path(path)} holds no run {contents.run_id}: export it again.")
        if store.objects.exists(spec.key):
            raise _is_there(store, contents.run_id)
        verify_objects(file, contents)
        run = RunSpec.decode(read_object(file, spec), f"{spec.key} in {printable_path(path)}")
        if run.run_id != contents.run_id:
            raise InputError(f"{printable_path(path)} holds run {run.run_id} under the name of {contents.run_id}.")
        store.check_writable()
        _write(store, file, contents, spec)
        if not store.objects.create(spec.key, read_object(file, spec)):
            raise _is_there(store, run.run_id)
    return store.run(run.run_id)


def _check(listed: ArchivedObject, run_id: str, store: RunStore, path: Path) -> None:
    """Raise `InputError` for an object that does not belong to the run, or that storage would not take."""
    key, shown = listed.key, printable_path(path)
    check_key(key)
    of_inputs = input_keys.sha256_of(key)
    is_input = of_inputs == listed.sha256 and not key.startswith(input_keys.PUBLICATIONS)
    if not (is_input or key.startswith(keys.run_folder(run_id))) or not key.endswith(_SUFFIXES):
        raise InputError(f"{shown} holds {key}, which is no part of run {run_id}: nothing was imported.")
    largest = store.objects.largest_bytes
    if largest is not None and listed.size_bytes > largest:
        raise InputError(
            f"{key} has {listed.size_bytes / 2**20:.0f} MiB, and storage {store.objects.url} takes objects of at most "
            f"{largest // 2**20} MiB: give a folder or s3://bucket with --storage."
        )


def _write(store: RunStore, file: zipfile.ZipFile, contents: ArchiveList, spec: ArchivedObject) -> None:
    """Write all but the spec; what runs share is noted first, so that nobody removes it before the run is there."""
    for listed in contents.objects:
        is_shared = input_keys.sha256_of(listed.key) is not None
        if is_shared:
            note_publication(store.objects, listed.sha256)
        data = read_object(file, listed)
        if listed != spec and not (is_shared and store.objects.holds(listed.key, data)):
            store.objects.replace(listed.key, data)


def _is_there(store: RunStore, run_id: str) -> InputError:
    return InputError(
        f"There is a run {run_id} in {store.objects.url} already: `deepchord delete {run_id}` removes it, if it is to "
        "be replaced."
    )
