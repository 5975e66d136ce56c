"""Reads regular files only, and text up to a limit: a read from a FIFO or a device may hang or never end."""

import errno
import os
import stat
from pathlib import Path

#: Texts that people write by hand are shorter.
_MAX_TEXT_BYTES = 2**20
#: So are the texts that deepchord writes about a run: that of a table of 20,000 columns has about 3 MiB, and names and
#: categories may be long.
MAX_DESCRIPTION_BYTES = 2**26
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


def read_short_text(path: Path, max_bytes: int = _MAX_TEXT_BYTES) -> str:
    """Return the UTF-8 text of a file that people write; it may be a pipe, such as `<(command)` of a shell.

    Args:
        path: The file.
        max_bytes: A longer text is refused; a whole number of MiB. `MAX_DESCRIPTION_BYTES` is for what deepchord wrote.

    Raises:
        OSError: The file cannot be read, or is too long; `strerror` says which.
        UnicodeDecodeError: The text is not UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {max_bytes // 2**20} MiB", str(path))
    return data.decode("utf-8-sig")  # Windows writes a byte order mark
