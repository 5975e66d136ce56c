"""A folder as storage, on a local disk or NFS: a file is written aside, flushed, then linked or renamed into place."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from deepchord.shared.errors import CorruptObjectError, ObjectNotFoundError, StorageError
from deepchord.shared.files import SPECIAL_FILES
from deepchord.shared.storage.folder.folder_files import (
    ASIDE,
    begins_with,
    changed_at,
    flush_folder,
    folders_below,
    is_folder,
    leads_upwards,
    revalidate,
    written_aside,
)
from deepchord.shared.storage.object_store import StoredObject, check_key, check_prefix, check_size, is_name


class FolderStore:
    """Objects as files below one folder, which the first write creates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self.folder)

    @property
    def largest_bytes(self) -> None:
        """Objects of any size are taken."""
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it."""
        path = self._path(key)
        with self._explained(key, "write"), written_aside(path, data) as aside:
            try:
                os.link(aside, path)
            except FileExistsError:
                # When an answer is lost, NFS repeats the request, and then reports that our own new link exists.
                if aside.stat().st_nlink < 2:
                    self._check_regular(key, path)
                    return False
            flush_folder(path.parent)
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        path = self._path(key)
        with self._explained(key, "write"), written_aside(path, data) as aside:
            aside.replace(path)
            flush_folder(path.parent)

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes of the file."""
        path = self._path(key)
        with self._explained(key, "read"):
            try:
                size = self._check_regular(key, path)
            except FileNotFoundError:
                revalidate(path.parent)
                size = self._check_regular(key, path)
            check_size(self, key, size, most_bytes)
            return path.read_bytes()

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder, sorted."""
        folder = self.folder / check_prefix(prefix)
        with self._explained(prefix, "list"):
            return iter(sorted(self._walk(folder)))

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a folder, sorted by key, with size and time of change."""
        with self._explained(prefix, "list"):
            return iter(sorted(filter(None, map(self._entry, self.list(prefix))), key=lambda entry: entry.key))

    def leftovers(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the files below a folder that processes were writing when they died, or are writing now."""
        with self._explained(prefix, "list"):
            files = [path for path in (self.folder / check_prefix(prefix)).rglob(f"{ASIDE}*") if not path.is_symlink()]
            keys = [path.relative_to(self.folder).as_posix() for path in files]
            return iter(sorted(filter(None, map(self._entry, keys)), key=lambda entry: entry.key))

    def delete_leftovers(self, prefix: str, before: datetime | None = None) -> None:
        """Remove such files below a folder, and empty folders, that were last changed before a moment."""
        root = self.folder / check_prefix(prefix)
        with self._explained(prefix, "delete"):
            # Taken before anything is removed, for that changes the folder around it.
            folders = list(folders_below(root))
            for entry in self.leftovers(prefix):
                if before is None or (entry.changed_at is not None and entry.changed_at < before):
                    (self.folder / entry.key).unlink(missing_ok=True)
            for folder, changed in folders:
                if (prefix or folder != root) and (before is None or changed < before):
                    with suppress(OSError):  # it is not empty, or gone
                        folder.rmdir()

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders in a folder, sorted; empty folders are included."""
        with self._explained(prefix, "list"):
            try:
                entries = list(os.scandir(self.folder / check_prefix(prefix)))
            except FileNotFoundError:
                return iter(())
            return iter(sorted(entry.name for entry in entries if is_name(entry.name) and entry.is_dir()))

    def exists(self, key: str) -> bool:
        """Return whether the file is there."""
        path = self._path(key)
        with self._explained(key, "read"):
            try:
                revalidate(path.parent)
                return stat.S_ISREG(path.stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the file holds exactly these bytes; it is read in chunks."""
        path = self._path(key)
        with self._explained(key, "read"):
            try:
                revalidate(path.parent)
                return self._check_regular(key, path) == len(data) and begins_with(path, data)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def delete(self, key: str) -> None:
        """Remove the file, if it is there."""
        with self._explained(key, "delete"):
            try:
                self._path(key).unlink(missing_ok=True)
            except NotADirectoryError:
                return

    def _entry(self, key: str) -> StoredObject | None:
        """Return size and time of a file; None if it has just gone or is no file."""
        try:
            status = (self.folder / key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_file = stat.S_ISREG(status.st_mode)
        return StoredObject(key=key, size_bytes=status.st_size, changed_at=changed_at(status)) if is_file else None

    def _walk(self, folder: Path) -> Iterator[str]:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if not is_name(entry.name):  # files of other programs (.DS_Store, .nfs…), or still being written
                continue
            path = folder / entry.name
            if not is_folder(entry):
                yield path.relative_to(self.folder).as_posix()
            elif not (entry.is_symlink() and leads_upwards(path)):
                yield from self._walk(path)

    def _check_regular(self, key: str, path: Path) -> int:
        """Return the size of a regular file; raise for anything else: a read from a FIFO or a device may never end."""
        try:
            status = path.stat()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP) and path.is_symlink():
                raise self._not_a_file(key, "a link to nothing") from None
            raise
        if not stat.S_ISREG(status.st_mode):
            raise self._not_a_file(key, _KINDS.get(stat.S_IFMT(status.st_mode), "no file"))
        return status.st_size

    def _not_a_file(self, key: str, what: str) -> CorruptObjectError:
        return CorruptObjectError(
            f"{self.url}/{key} is {what}, where a file was expected: restore that from a copy, or remove what is there."
        )

    def _path(self, key: str) -> Path:
        return self.folder / check_key(key)

    @contextmanager
    def _explained(self, key: str, verb: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if verb == "read":
                raise ObjectNotFoundError(f"Storage {self.url} has no {key}.") from error
            raise self._error(key, verb, error) from error
        except OSError as error:
            raise self._error(key, verb, error) from error

    def _error(self, key: str, verb: str, error: OSError) -> StorageError:
        remedy = _REMEDIES.get(error.errno or 0, "check the folder and its permissions")
        return StorageError(
            f"Cannot {verb} {key or 'it'} in storage {self.url}: {error.strerror}; {remedy}.",
            permanent=error.errno in _REMEDIES,
        )


_KINDS = {**SPECIAL_FILES, stat.S_IFDIR: "a folder"}

_REMEDIES = {
    errno.ENOSPC: "free some space or give another folder with --storage",
    errno.EDQUOT: "free some of your quota or give another folder with --storage",
    errno.EFBIG: "files of this size are not allowed here; raise the limit or give another folder with --storage",
    errno.EROFS: "the file system is read-only; give another folder with --storage",
    errno.EACCES: "this user may not do that; change the permissions or give another folder with --storage",
    errno.EPERM: "its file system may have no hard links; give a folder on another one with --storage",
    **dict.fromkeys(
        (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS),
        "its file system has no hard links; give a folder on another one with --storage",
    ),
    errno.ENOTDIR: "a file stands where a folder is needed; give another folder with --storage",
}
