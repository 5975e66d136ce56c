"""A folder as storage, on a local disk or NFS: written aside, flushed, then linked or renamed into place."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ObjectNotFoundError, StorageError

#: Files under way; readers and `list` never see them.
_ASIDE = ".writing-"


class FolderStore:
    """Objects as files below one folder, which is made on the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self.folder)

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it."""
        path = self._path(key)
        with self._explained(key, "write"), _written_aside(path, data) as aside:
            try:
                os.link(aside, path)
            except FileExistsError:
                return False
            _flush_folder(path.parent)
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        path = self._path(key)
        with self._explained(key, "write"), _written_aside(path, data) as aside:
            os.replace(aside, path)
            _flush_folder(path.parent)

    def get(self, key: str) -> bytes:
        """Return the bytes of the file."""
        with self._explained(key, "read"):
            return self._path(key).read_bytes()

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder, sorted."""
        with self._explained(prefix, "list"):
            found = sorted(self._walk(self.folder / prefix))
        return iter(found)

    def exists(self, key: str) -> bool:
        """Say whether the file is there."""
        with self._explained(key, "read"):
            return self._path(key).is_file()

    def _walk(self, folder: Path) -> Iterator[str]:
        for parent, _folders, files in os.walk(folder):
            for name in files:
                if not name.startswith(_ASIDE):
                    yield (Path(parent) / name).relative_to(self.folder).as_posix()

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or part.startswith(_ASIDE) for part in parts) or os.path.isabs(key):
            raise StorageError(f"{key!r} is no valid key of a storage.")
        return self.folder.joinpath(*parts)

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
        return StorageError(f"Cannot {verb} {key} in storage {self.url}: {error.strerror}; {remedy}.")


_REMEDIES = {
    errno.ENOSPC: "free some space or give another folder with --storage",
    errno.EDQUOT: "free some of your quota or give another folder with --storage",
    errno.EROFS: "the file system is read-only; give another folder with --storage",
    errno.EACCES: "this user may not do that; change the permissions or give another folder with --storage",
    errno.ENOTDIR: "a file stands where a folder is needed; give another folder with --storage",
}


@contextmanager
def _written_aside(path: Path, data: bytes) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f"{_ASIDE}{uuid.uuid4().hex}"
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make the new name durable too; platforms that cannot open a folder do that by themselves."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
