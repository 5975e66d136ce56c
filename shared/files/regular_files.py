"""Reads regular files only, and text up to a limit: a read from a FIFO or a device may hang or never end."""

import errno
import os
import stat
from pathlib import Path

#: Texts that people write by hand are shorter.
_MAX_TEXT_BYTES = 2**20
#: The names of special files with their articles, by file type.
SPECIAL_FILES = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path) -> None:
    """Raise unless a path leads to a regular file or to a folder; to read a folder fails anyway.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: The path leads to a FIFO, a device or a socket, or cannot be followed; `strerror` says which.
    """
    kind = SPECIAL_FILES.get(stat.S_IFMT(os.stat(path).st_mode))  # noqa: PTH116  takes any odd name that open takes
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}, and only regular files are read", str(path))


def read_short_text(path: Path) -> str:
    """Return the UTF-8 text of a file that people write; it may be a pipe, such as `<(command)` of a shell.

    Raises:
        OSError: The file cannot be read, or is longer than 1 MiB; `strerror` says which.
        UnicodeDecodeError: The text is not UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, "it is longer than 1 MiB", str(path))
    return data.decode("utf-8-sig")  # Windows writes a byte order mark
