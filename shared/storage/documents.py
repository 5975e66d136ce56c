"""Reads specs, records and other objects, and expects that they may be torn, misplaced, huge, or not even files."""

import hashlib
import json
from collections.abc import Iterator
from typing import TypeVar

from deepchord.shared.errors import (
    CorruptObjectError,
    DamagedRecordError,
    MessageDecodeError,
    ObjectNotFoundError,
    OtherVersionError,
)
from deepchord.shared.messages import MemberRecord, RunSpec
from deepchord.shared.shares import Share
from deepchord.shared.storage import keys
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.validation import Message, with_full_stop
from deepchord.shared.version import version

M = TypeVar("M", bound=Message)

#: A record of 100,000 epochs has 25 MB.
MAX_DOCUMENT_BYTES = 128 * 2**20
_RESTORE = "Restore it from a copy, or train a new run."


def read_document(objects: ObjectStore, kind: type[M], key: str, remedy: str = _RESTORE) -> M:
    """Return the message that storage holds under a key.

    Raises:
        ObjectNotFoundError: There is no object.
        CorruptObjectError: The object is not a file, or larger than anything that deepchord writes.
        MessageDecodeError: The object is not such a message; the error ends with the remedy.
    """
    data = objects.get(key, MAX_DOCUMENT_BYTES)
    try:
        return kind.decode(data, key)
    except OtherVersionError:
        raise
    except MessageDecodeError as error:
        raise MessageDecodeError(f"{error} {remedy}") from error


def read_share(objects: ObjectStore, run: RunSpec) -> Share:
    """Return the share of the fleet that a run has now: that of its spec, unless it was changed since."""
    try:
        remedy = f"`deepchord priority {run.run_id} normal` writes it anew."
        return read_document(objects, Share, keys.share(run.run_id), remedy)
    except ObjectNotFoundError:
        return run.share


def read_verified(objects: ObjectStore, key: str, sha256: str, remedy: str = _RESTORE) -> bytes:
    """Return the bytes of an object; raise `CorruptObjectError` if they do not have this SHA-256."""
    data = objects.get(key)
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        difference = f"expected the SHA-256 {sha256[:12]}…, found {actual[:12]}…"
        raise CorruptObjectError(f"{objects.url}/{key} is damaged: {difference}. {remedy}")
    return data


def read_specs(objects: ObjectStore, run_id: str) -> Iterator[RunSpec]:
    """Yield the specs of a run, the newest extension first.

    Raises:
        ObjectNotFoundError: There is no such run.
        CorruptObjectError: A spec belongs to another run or extension, because its folder was copied or renamed; or
            see `read_document`.
    """
    numbers = {keys.extension_number(run_id, key): key for key in objects.list(keys.extensions(run_id))}
    extensions = {number: key for number, key in numbers.items() if number is not None}
    for number, key in (*sorted(extensions.items(), reverse=True), (0, keys.run(run_id))):
        yield _read_spec(objects, key, run_id, number)


def read_newest_spec(objects: ObjectStore, run_id: str) -> RunSpec:
    """Return the newest spec of a run; for the errors see `read_specs`."""
    return next(read_specs(objects, run_id))


def read_record(objects: ObjectStore, run_id: str, index: int) -> MemberRecord:
    """Return the record of a member.

    Raises:
        ObjectNotFoundError: The member has no record.
        DamagedRecordError: The object is not a record, or the record of another member.
        OtherVersionError: Another version of deepchord wrote it.
    """
    key = keys.record(run_id, index)
    remedy = f"`deepchord resume {run_id}` keeps it aside and has the member trained again."
    try:
        data = objects.get(key, MAX_DOCUMENT_BYTES)
    except CorruptObjectError as error:
        # `deepchord resume` finds damaged records in a listing, and a folder is not listed.
        is_listed = key in objects.list(f"{keys.members(run_id)}{index:03d}/")
        raise DamagedRecordError(f"{error} Or: {remedy}" if is_listed else str(error)) from error
    try:
        record = MemberRecord.decode(data, key)
    except OtherVersionError:
        raise
    except MessageDecodeError as error:
        writer = _writer(data)
        if writer not in (None, version()):
            raise OtherVersionError(
                f"{error} It was written by deepchord {writer}, and this is {version()}: install the same version."
            ) from error
        raise DamagedRecordError(f"{error} {remedy}", data) from error
    spec = record.member.spec
    if (spec.run_id, spec.index) != (run_id, index):
        raise DamagedRecordError(
            with_full_stop(f"{key} is the record of member {spec.index} of run {spec.run_id}") + f" {remedy}", data
        )
    return record


def _read_spec(objects: ObjectStore, key: str, run_id: str, extension: int) -> RunSpec:
    spec = read_document(objects, RunSpec, key)
    if (spec.run_id, spec.extension) != (run_id, extension):
        actual = f"run {spec.run_id}" + (f", extended {spec.extension} times" if spec.extension else "")
        raise CorruptObjectError(
            f"{objects.url}/{key} is the spec of {actual}: give its folder back the name that it had. A run cannot be "
            "copied under another name."
        )
    return spec


def _writer(data: bytes) -> str | None:
    """Return the version of deepchord that a record names as its writer; None if it names none."""
    try:
        writer = json.loads(data)["member"]["spec"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return writer[:40] if isinstance(writer, str) else None
