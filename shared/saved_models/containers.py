"""Opens the files in which Keras saves models: HDF5, and `.keras`, a zip archive of HDF5 and the configuration."""

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
from deepchord.shared.saved_models.memory_bound import bounded_memory

#: More than the configuration of 512 layers needs.
_MAX_CONFIGURATION_BYTES = 2**22
#: Weights can hardly be compressed: an archive that unpacks to more than this plus eight times its size is malicious.
_MAX_UNPACKED_BYTES = 2**26
#: How much memory reading may take: this plus so many times the size of the file, because arrays are read, converted
#: and reordered.
_MAX_BYTES, _MAX_TIMES = 2**29, 16
#: Other methods may unpack kilobytes to gigabytes in one call.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class Container:
    """An open file with a model or weights."""

    source: str
    #: The arrays.
    file: h5py.File
    #: The description of the network, as Keras wrote it; None for weights without one.
    configuration: Any
    #: The version of the Keras that wrote it, such as `2.15.0`; None: it is not told.
    keras_version: str | None = None


@contextmanager
def opened_model(path: Path) -> Iterator[Container]:
    """Open a file that Keras saved.

    Raises:
        CheckpointError: It cannot be read, is damaged, or is something else, which the message names.
    """
    source = printable_path(path)
    try:
        kind = kind_of(path)
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{source} is no weight file{': ' if kind else ''}{describe_kind(kind)}.")
        with path.open("rb") as file, bounded_memory(_MAX_BYTES + _MAX_TIMES * path.stat().st_size):
            if kind is KERAS:
                with open_hdf5(io.BytesIO(_unpacked(path, "model.weights.h5")), source) as arrays:
                    configured, version = _archived_configuration(path), _archived_version(path)
                    yield Container(source=source, file=arrays, configuration=configured, keras_version=version)
            else:
                with open_hdf5(file, source) as arrays:
                    configuration = read_text(arrays, "model_config", _MAX_CONFIGURATION_BYTES, source)
                    configured, version = (
                        _parsed(configuration, source),
                        read_text(arrays, "keras_version", 256, source),
                    )
                    yield Container(source=source, file=arrays, configuration=configured, keras_version=version)
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


def _archived_version(path: Path) -> str | None:
    try:
        metadata = _parsed(_unpacked(path, "metadata.json"), printable_path(path))
    except CheckpointError:
        return None  # what only tells who wrote the file may be missing
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else None


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
    most = _MAX_CONFIGURATION_BYTES
    if not name.endswith(".json"):
        most = _MAX_UNPACKED_BYTES + 8 * path.stat().st_size
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
    """Return the text of an error, made printable: it may contain bytes of the file."""
    return printable_path(str(error))[:200]
