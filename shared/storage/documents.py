"""What runs and members lie in storage as, read with care: it may be torn, misplaced, huge, or no file at all."""

import json
from typing import TypeVar

from shared.errors import CorruptObjectError, DamagedRecordError, MessageDecodeError, OtherVersionError
from shared.messages import MemberRecord, RunSpec
from shared.storage import keys
from shared.storage.object_store import ObjectStore
from shared.validation import Message, ended
from shared.version import version

M = TypeVar("M", bound=Message)

#: A record of 100,000 epochs has 25 MB.
MOST_BYTES = 128 * 2**20
_RESTORE = "Restore it from a copy, or train a new run."


def read_document(objects: ObjectStore, kind: type[M], key: str, remedy: str = _RESTORE) -> M:
    """Return what storage holds under a key.

    Raises:
        ObjectNotFoundError: It holds nothing there.
        CorruptObjectError: What it holds is no file, or larger than anything that deepchord writes.
        MessageDecodeError: It is something else; the remedy is told.
    """
    data = objects.get(key, MOST_BYTES)
    try:
        return kind.decode(data, key)
    except OtherVersionError:
        raise
    except MessageDecodeError as error:
        raise MessageDecodeError(f"{error} {remedy}") from error


def read_spec(objects: ObjectStore, key: str, run_id: str, extension: int) -> RunSpec:
    """Return the spec of a run, or of an extension of it; see `read_document` for the errors.

    Raises:
        CorruptObjectError: It is that of another run or extension, as in a folder that was copied or renamed.
    """
    spec = read_document(objects, RunSpec, key)
    if (spec.run_id, spec.extension) != (run_id, extension):
        found = f"run {spec.run_id}" + (f", extended {spec.extension} times" if spec.extension else "")
        raise CorruptObjectError(
            f"{objects.url}/{key} is the spec of {found}: give its folder back the name that it had. A run cannot be "
            "copied under another name."
        )
    return spec


def read_record(objects: ObjectStore, run_id: str, index: int) -> MemberRecord:
    """Return the record of a member.

    Raises:
        ObjectNotFoundError: It has none.
        DamagedRecordError: What lies there is none, or another member's.
        OtherVersionError: A deepchord of another version wrote it.
    """
    key = keys.record(run_id, index)
    remedy = f"`deepchord resume {run_id}` keeps it aside and has the member trained again."
    try:
        data = objects.get(key, MOST_BYTES)
    except CorruptObjectError as error:
        # A folder is in no list, so nobody who looks for damaged records finds it.
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
            ended(f"{key} is the record of member {spec.index} of run {spec.run_id}") + f" {remedy}", data
        )
    return record


def _writer(data: bytes) -> str | None:
    """Return which version of deepchord wrote a record, by its own words; None if it does not say."""
    try:
        found = json.loads(data)["member"]["spec"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found[:40] if isinstance(found, str) else None
