"""The files that Keras saves models in: HDF5, and `.keras`, a zip archive with HDF5 and the configuration in it."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import GIT_ANNEX, KERAS, describe_kind, is_annexed, kind_of, open_hdf5, read_text
from deepchord.worker.saved_models.memory_bound import bounded_memory

#: More than 512 layers need.
_MOST_CONFIGURATION_BYTES = 2**22
#: Weights hardly compress: an archive that unpacks to more than this and eight times its size is a trap.
_MOST_UNPACKED_BYTES = 2**26
#: What reading may take of memory beyond so many times the file: arrays are read, converted and put in order.
_MOST_BYTES, _MOST_TIMES = 2**29, 16
#: The others unpack kilobytes to gigabytes at once.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A saved model or weights, open."""

    source: str
    #: The arrays.
    file: h5py.File
    #: What describes the network, as Keras wrote it; None for bare weights.
    configuration: Any


@contextmanager
def opened_model(path: Path) -> Iterator[Container]:
    """Open a file that Keras saved.

    Raises:
        CheckpointError: It cannot be read, is something else, which is named, or is damaged.
    """
    source = printable_path(path)
    try:
        kind = kind_of(path)
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{source} is no weight file{': ' if kind else ''}{describe_kind(kind)}.")
        with path.open("rb") as file, bounded_memory(_MOST_BYTES + _MOST_TIMES * path.stat().st_size):
            if kind is KERAS:
                with open_hdf5(io.BytesIO(_unpacked(path, "model.weights.h5")), source) as arrays:
                    yield Container(source=source, file=arrays, configuration=_archived_configuration(path))
            else:
                with open_hdf5(file, source) as arrays:
                    configuration = read_text(arrays, "model_config", _MOST_CONFIGURATION_BYTES, source)
                    yield Container(source=source, file=arrays, configuration=_parsed(configuration, source))
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read: {_why(path, error)}.") from error


def _why(path: Path, error: OSError) -> str:
    if not path.is_symlink() or path.exists():
        return error.strerror or str(error)
    target = path.readlink()
    return (
        describe_kind(GIT_ANNEX)
        if is_annexed(path)
        else f"it is a link to {printable_path(target)}, which is not there"
    )


def _archived_configuration(path: Path) -> Any:
    return _parsed(_unpacked(path, "config.json"), printable_path(path))


def _parsed(configuration: str | bytes | None, source: str) -> Any:
    if configuration is None:
        return None
    try:
        return json.loads(configuration)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{source} is damaged: what describes its network is no JSON ({_short(error)})."
        ) from error


def _unpacked(path: Path, name: str) -> bytes:
    most = _MOST_CONFIGURATION_BYTES
    if name != "config.json":
        most = _MOST_UNPACKED_BYTES + 8 * path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(name)
            if info.compress_type not in _COMPRESSIONS:
                raise CheckpointError(f"{printable_path(path)}: {name} is compressed in a way that Keras does not use.")
            with archive.open(info) as file:
                data = file.read(most + 1)
    except _DAMAGED as error:
        raise CheckpointError(
            f"{printable_path(path)} is damaged or cut short ({_short(error)}); copy it again."
        ) from error
    if len(data) > most:
        raise CheckpointError(f"{printable_path(path)}: {name} unpacks to far more than a model needs; it is not read.")
    return data


def _short(error: Exception) -> str:
    """Return what an error says; it may hold bytes of the file."""
    return printable_path(str(error))[:200]
