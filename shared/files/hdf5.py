"""Reads HDF5 files of unknown origin: links to other files are not followed, arrays are checked before reading."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import h5py

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import CheckpointError
from deepchord.shared.files.hdf5_heaps import find_damage
from deepchord.shared.files.recognition import HDF5, describe_kind, kind_of_content

#: An HDF5 object header holds no more than this; Keras splits longer lists of names.
_MAX_NAMES_BYTES = 65536

#: The errors that h5py raises for damaged files.
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, OverflowError, MemoryError)


@contextmanager
def open_hdf5(file: BinaryIO, source: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Args:
        file: The content of the file; it stays open.
        source: The file's name, for errors.

    Raises:
        CheckpointError: The file is of another kind, or damaged; also if the damage is found inside of the block.
    """
    broken = find_damage(file)
    try:
        if broken is not None:
            raise ValueError(broken)
        with h5py.File(file, "r") as opened:
            yield opened
    except _DAMAGED as error:
        kind = kind_of_content(file)
        if kind not in (None, HDF5):
            raise CheckpointError(f"{source} is not a readable HDF5 file: {describe_kind(kind)}.") from error
        raise CheckpointError(
            f"{source} is not a readable HDF5 file, or it is damaged or cut short "
            f"({printable_path(str(error))[:200]}); "
            "copy it again from where it was saved."
        ) from error


def has_names(group: h5py.Group, attribute: str) -> bool:
    """Return whether a group has a list of names."""
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def read_names(group: h5py.Group, attribute: str, source: str) -> list[str]:
    """Return a list of names; Keras splits a long list into the attributes `<attribute>0`, `<attribute>1` and so on.

    Raises:
        CheckpointError: It is not a list of names, or a name is in it twice.
    """
    if attribute in group.attrs or f"{attribute}0" not in group.attrs:
        parts = [attribute]
    else:
        chunks = (f"{attribute}{number}" for number in range(len(group.attrs)))
        parts = [chunk for chunk in chunks if chunk in group.attrs]
    listed = [name for part in parts for name in _strings(group, part, source)]
    if len(set(listed)) != len(listed):
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} names something twice.")
    return listed


def read_text(group: h5py.Group, attribute: str, most_bytes: int, source: str) -> str | None:
    """Return the text of an attribute; None if there is no such attribute.

    Raises:
        CheckpointError: It is not a text, or is longer than `most_bytes`.
    """
    if attribute not in group.attrs:
        return None
    stored = group.attrs.get_id(attribute)
    is_text = h5py.check_string_dtype(stored.dtype) is not None
    if stored.shape != () or not is_text or stored.dtype.itemsize > most_bytes:
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} is no text.")
    value = group.attrs[attribute]
    text = value.decode() if isinstance(value, bytes) else str(value)
    if len(text) > most_bytes:
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} is too long.")
    return text


def has_object(group: h5py.Group, path: str) -> bool:
    """Return whether there is an object or a link at a path below a group."""
    here = group
    for part in path.split("/"):
        if not isinstance(here, h5py.Group) or not here.id.links.exists(part.encode()):
            return False
        if here.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            return True
        here = here[part]
    return True


def find_object(group: h5py.Group, path: str, kind: type[Any], source: str) -> Any:
    """Return the object at a path below a group; only objects in this file are opened.

    Raises:
        CheckpointError: The path contains a link, or the object is of another kind.
        KeyError: There is no object.
    """
    here = group
    for part in filter(None, path.split("/")):
        if not isinstance(here, h5py.Group) or here.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise CheckpointError(f"{source}: {path} is a link; deepchord reads no links.")
        here = here[part]
    if not isinstance(here, kind):
        raise CheckpointError(f"{source}: {path} is not what it should be, a {kind.__name__.lower()}.")
    return here


def plain_array(group: h5py.Group, path: str, source: str) -> h5py.Dataset:
    """Return an array that is stored in this file without compression; its values are not read yet.

    Raises:
        CheckpointError: It is compressed, lies in another file, or does not hold floating-point numbers.
        KeyError: There is no such array.
    """
    dataset = find_object(group, path, h5py.Dataset, source)
    layout = dataset.id.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count() or layout.get_nfilters():
        raise CheckpointError(f"{source}: {path} is no plain array: it is compressed or lies in another file.")
    if dataset.dtype.kind != "f":
        raise CheckpointError(f"{source}: {path} holds {dataset.dtype}, expected floating-point numbers.")
    return dataset


def _strings(group: h5py.Group, attribute: str, source: str) -> list[str]:
    stored = group.attrs.get_id(attribute)
    if stored.shape is None or 0 in stored.shape:
        return []
    size_bytes = math.prod(stored.shape) * stored.dtype.itemsize
    if len(stored.shape) != 1 or h5py.check_string_dtype(stored.dtype) is None or size_bytes > _MAX_NAMES_BYTES:
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} is no list of names.")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]
