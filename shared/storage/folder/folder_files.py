"""The files of a storage in a folder: written aside and flushed, compared, and walked through."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

#: How many bytes are written, or read and compared, in one call.
_CHUNK_BYTES = 2**23
#: The prefix of files that are still being written, or were when a process died; readers ignore them.
ASIDE = ".writing-"


@contextmanager
def written_aside(path: Path, data: bytes) -> Iterator[Path]:
    """Yield a file beside a path that holds the bytes, flushed; it is removed afterwards, unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f"{ASIDE}{uuid.uuid4().hex}"
    try:
        with aside.open("xb") as file:
            # In chunks, so that the progress of a large object can be shown.
            for start in range(0, len(data), _CHUNK_BYTES):
                file.write(memoryview(data)[start : start + _CHUNK_BYTES])
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def begins_with(path: Path, data: bytes) -> bool:
    """Return whether a file begins with these bytes."""
    with path.open("rb") as file:
        chunks = (memoryview(data)[start : start + _CHUNK_BYTES] for start in range(0, len(data), _CHUNK_BYTES))
        return all(file.read(len(chunk)) == chunk for chunk in chunks)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; a link that leads to itself is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def leads_upwards(link: Path) -> bool:
    """Return whether a link leads to one of its own parent folders, so that following it would never end."""
    target = link.resolve()
    return any(target == parent.resolve() for parent in link.parents)


def revalidate(folder: Path) -> None:
    """Open a folder, so that a client of NFS asks its server again which names are in it.

    Otherwise the client caches for up to a minute that a name exists, or does not exist.
    """
    with suppress(PermissionError):  # a folder that we may not list, or any folder on Windows
        os.close(os.open(folder, os.O_RDONLY))


def flush_folder(folder: Path) -> None:
    """Make the new name durable as well, if the file system can flush a folder; errors are ignored.

    The object is already published. If the write failed here, a retry would find the object and report that somebody
    else had created it.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def changed_at(status: os.stat_result) -> datetime:
    """Return when a file or folder was last changed, in UTC."""
    return datetime.fromtimestamp(status.st_mtime, UTC)


def folders_below(folder: Path) -> Iterator[tuple[Path, datetime]]:
    """Yield a folder and all below it, the deepest first, and when they were last changed; links are not followed."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it has just gone
            yield Path(place), changed_at(Path(place).stat())
