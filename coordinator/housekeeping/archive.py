"""The file that carries a run to another storage: a ZIP without compression, and the list of what is in it.

It holds what storage holds and nothing else: JSON, arrays and weights, no code. Nothing in it is believed: the list
names each object with its size and SHA-256, and names that lead out of the storage are refused.
"""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, NonNegativeInt

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunId
from deepchord.shared.validation import Message, Sha256, Versioned

#: The name of the list in the file, and the folder of the objects.
LIST, OBJECTS = "deepchord-run.json", "objects/"
#: A list of 200,000 objects has 47 MB.
_MAX_LIST_BYTES = 128 * 2**20
_CHUNK_BYTES = 2**20


class ArchivedObject(Message):
    """An object of a storage in the file, by its key."""

    key: Annotated[str, Field(max_length=1024)]
    size_bytes: NonNegativeInt
    sha256: Sha256


class ArchiveList(Versioned):
    """What is in the file."""

    kind: Literal["deepchord run, 1"] = "deepchord run, 1"
    run_id: RunId
    exported_at: AwareDatetime
    objects: tuple[ArchivedObject, ...] = Field(min_length=1)


@contextmanager
def opened_archive(path: Path) -> Iterator[tuple[zipfile.ZipFile, ArchiveList]]:
    """Open a file of `export_run`, whose list names exactly what is in it; no object is read yet.

    Raises:
        InputError: It cannot be read, or is no such file.
    """
    shown = printable_path(path)
    try:
        with zipfile.ZipFile(path) as file:
            yield file, _checked_list(file, path, shown)
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{shown} is damaged, or no file of `deepchord export-run`: {error}.") from error


def read_object(file: zipfile.ZipFile, listed: ArchivedObject) -> bytes:
    """Return an object; raise `InputError` if its bytes are not those of the list."""
    data = file.read(OBJECTS + listed.key)
    if len(data) != listed.size_bytes or hashlib.sha256(data).hexdigest() != listed.sha256:
        raise _damaged(file, listed.key)
    return data


def verify_objects(file: zipfile.ZipFile, contents: ArchiveList) -> None:
    """Raise `InputError` if the bytes of an object are not those of the list; no object is in memory as a whole."""
    for listed in contents.objects:
        found = hashlib.sha256()
        with file.open(OBJECTS + listed.key) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                found.update(chunk)
        if found.hexdigest() != listed.sha256:
            raise _damaged(file, listed.key)


def _checked_list(file: zipfile.ZipFile, path: Path, shown: str) -> ArchiveList:
    """Return the list of a file, if it names all there is, and nothing is compressed, encrypted or there twice."""
    entries = file.infolist()
    sizes = {entry.filename: entry.file_size for entry in entries}
    is_plain = all(entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 0x1 for entry in entries)
    if not is_plain or len(sizes) != len(entries) or sum(sizes.values()) > path.stat().st_size:
        raise zipfile.BadZipFile("something in it is compressed, encrypted or there twice")
    if not 0 < sizes.pop(LIST, 0) <= _MAX_LIST_BYTES:
        raise zipfile.BadZipFile(f"it has no list {LIST}")
    contents = ArchiveList.decode(file.read(LIST), f"{LIST} in {shown}")
    listed = {OBJECTS + each.key: each.size_bytes for each in contents.objects}
    if listed != sizes or len(listed) != len(contents.objects):
        raise zipfile.BadZipFile("its list does not name what is in it")
    return contents


def _damaged(file: zipfile.ZipFile, key: str) -> InputError:
    return InputError(
        f"{printable_path(file.filename or '')} is damaged: {key} does not have its SHA-256. Export the run again."
    )
