"""Finds out the kind of a file from its first bytes, because names mislead: it may be a pointer or a web page."""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"

#: How many bytes are read to find out the kind.
_START_BYTES = 4096
#: HDF5 may begin after another block, of 512 bytes or a power of two times more.
_HDF5_PLACES = (0, 512, 1024, 2048)


@dataclass(frozen=True)
class FileKind:
    """A kind of file, and what to do if another kind was expected."""

    #: The name with its article, as part of a sentence.
    name: str
    #: What to do with the file, as a clause; empty if it depends on what was expected.
    remedy: str = ""
    #: Whether it is a model of another framework.
    is_model: bool = False


EMPTY = FileKind("an empty file", "copy it again from where it was saved")
ZEROS = FileKind("a file of zeros", "its download or copy was cut short: get it again")
GIT_LFS = FileKind("a Git LFS pointer, not the file itself", "fetch what it points to with `git lfs pull`")
GIT_ANNEX = FileKind("a git-annex pointer, not the file itself", "fetch what it points to with `git annex get`")
DVC = FileKind("a DVC pointer, not the file itself", "fetch what it points to with `dvc pull`")
WEB_PAGE = FileKind("a web page", "it was saved in place of the file: download the file itself, the raw one")
APPLE_DOUBLE = FileKind("what macOS keeps beside a file (AppleDouble)", "give the file without `._` in its name")
DEVICE = FileKind("a pipe, socket or device", "copy what it gives to a file")
HDF5 = FileKind("an HDF5 file")
KERAS = FileKind("a .keras file of Keras 3")
NPZ = FileKind("an .npz archive of arrays")
NPY = FileKind("a single array (.npy)")
IDX = FileKind("an IDX file")
ZIP = FileKind("a zip archive", "unpack it")
BROKEN_ZIP = FileKind("a zip archive that was cut short or is damaged", "copy it again from where it was saved")
GZIP = FileKind("compressed with gzip", "unpack it with `gunzip` or `tar xf`")
TAR = FileKind("a tar archive", "unpack it with `tar xf`")
COMPRESSED = FileKind("a compressed archive", "unpack it")
PYTORCH = FileKind("a PyTorch file", is_model=True)
PICKLE = FileKind("a pickle of Python, which would execute code", is_model=True)
SAVED_MODEL = FileKind("a SavedModel of TensorFlow", is_model=True)
TF_CHECKPOINT = FileKind("a checkpoint of TensorFlow", is_model=True)
TFLITE = FileKind("a TFLite model", is_model=True)
ONNX = FileKind("an ONNX model", is_model=True)
SAFETENSORS = FileKind("a safetensors file", is_model=True)
GGUF = FileKind("a GGUF model", is_model=True)
MATLAB = FileKind("a MATLAB file")
PICTURE = FileKind("a picture")
PDF = FileKind("a PDF")
SQLITE = FileKind("an SQLite database")
PARQUET = FileKind("a Parquet file")
JSON = FileKind("a JSON file")
TEXT = FileKind("a text file")

_BEGINNINGS: tuple[tuple[bytes, FileKind], ...] = (
    (HDF5_SIGNATURE, HDF5),
    (b"version https://git-lfs.github.com/spec/", GIT_LFS),
    (b"/annex/objects/", GIT_ANNEX),
    (b"outs:\n- ", DVC),
    (b"\x00\x05\x16\x07", APPLE_DOUBLE),
    (b"\x93NUMPY", NPY),
    (b"\x1f\x8b", GZIP),
    (b"BZh", COMPRESSED),
    (b"\xfd7zXZ\x00", COMPRESSED),
    (b"\x28\xb5\x2f\xfd", COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", COMPRESSED),
    (b"Rar!\x1a\x07", COMPRESSED),
    (b"GGUF", GGUF),
    (b"MATLAB 5.0 MAT-file", MATLAB),
    (b"\x89PNG\r\n\x1a\n", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"%PDF-", PDF),
    (b"SQLite format 3\x00", SQLITE),
    (b"PAR1", PARQUET),
    (b"model_checkpoint_path:", TF_CHECKPOINT),
)
#: The number at the beginning of old PyTorch files, before PyTorch used zip archives.
_PYTORCH_NUMBER = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95}\](X\x8c\x8ac]")
_ONNX = re.compile(rb"\x08[\x01-\x20](?:\x12[\x01-\x40][\x20-\x7e]|:)")
_SAFETENSORS = re.compile(rb'.{6}\x00\x00\{"', re.DOTALL)
_IDX = re.compile(rb"\x00\x00[\x08\x09\x0b-\x0e][\x01-\x04]\x00")


def _is_text(start: bytes) -> bool:
    return not re.search(rb"[\x00-\x08\x0e-\x1f]", start) and (start.isascii() or _is_utf8(start))


def _is_web_page(start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(b"<") and any(tag in text for tag in (b"<!doctype html", b"<html", b"<head"))


def _is_utf8(start: bytes) -> bool:
    # The last character may be incomplete.
    return any(_decodes(start[: len(start) - cut]) for cut in range(4))


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_PATTERNS: tuple[tuple[Callable[[bytes], object], FileKind], ...] = (
    (lambda start: any(start[place : place + 8] == HDF5_SIGNATURE for place in _HDF5_PLACES), HDF5),
    (lambda start: start[4:8] == b"TFL3", TFLITE),
    (lambda start: start[257:262] == b"ustar", TAR),
    (lambda start: _PICKLE.match(start) and _PYTORCH_NUMBER in start[:16], PYTORCH),
    (_PICKLE.match, PICKLE),
    (_is_web_page, WEB_PAGE),
    (_ONNX.match, ONNX),
    (_SAFETENSORS.match, SAFETENSORS),
    (_IDX.match, IDX),
    (lambda start: not start.strip(b"\x00"), ZEROS),
    (lambda start: _is_text(start) and start.lstrip()[:1] in (b"{", b"["), JSON),
    (_is_text, TEXT),
)


def kind_of(path: Path) -> FileKind | None:
    """Return the kind of a file or folder; None if it is not known.

    Raises:
        OSError: The file cannot be read.
    """
    if path.is_dir():
        return SAVED_MODEL if (path / "saved_model.pb").exists() else None
    if is_annexed(path):
        return GIT_ANNEX
    if not path.is_file() and path.exists():  # a read from a pipe or a device may never end
        return DEVICE
    with path.open("rb") as file:
        return kind_of_content(file)


def is_annexed(path: Path) -> bool:
    """Return whether a file is a link of git-annex to content that is not on this machine."""
    return os.path.islink(path) and not path.exists() and "/annex/objects/" in str(path.readlink())  # noqa: PTH114  false for any odd name


def kind_of_content(file: BinaryIO) -> FileKind | None:
    """Return the kind of an open file; its position changes."""
    file.seek(0)
    start = file.read(_START_BYTES)
    if not start:
        return EMPTY
    if start.startswith(b"PK"):
        return _kind_of_zip(file)
    found = next((kind for beginning, kind in _BEGINNINGS if start.startswith(beginning)), None)
    return found or next((kind for matches, kind in _PATTERNS if matches(start)), None)


def describe_kind(kind: FileKind | None) -> str:
    """Return a clause that says what a file is and what to do; empty if the kind is not known."""
    if kind is None:
        return ""
    return f"it is {kind.name}; {kind.remedy}" if kind.remedy else f"it is {kind.name}"


def _kind_of_zip(file: BinaryIO) -> FileKind:
    try:
        with zipfile.ZipFile(file) as archive:
            return _kind_of_names(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, zlib.error):
        return BROKEN_ZIP


def _kind_of_names(names: Iterable[str]) -> FileKind:
    members = set(names)
    if {"config.json", "model.weights.h5"} <= members:
        return KERAS
    if any(name.endswith("/data.pkl") for name in members):
        return PYTORCH
    if any(name.endswith("saved_model.pb") for name in members):
        return SAVED_MODEL
    return NPZ if members and all(name.endswith(".npy") for name in members) else ZIP
